"""A TCP proxy that plays a bad network: late, swallowing, cut, and whole again."""

import asyncio
from types import TracebackType
from typing import Self

CHUNK = 65_536


class Proxy:
    """Passes connections on `port` to (host, target). Use as an async context manager.

    `delay_s` delays each chunk both ways; `drop` swallows everything while connections stay open, as a
    dead mobile link does; `cut()` breaks all connections and refuses new ones until `restore()`.
    """

    def __init__(self, target: int, host: str = "127.0.0.1") -> None:
        self.delay_s = 0.0
        self.drop = False
        self.connections = 0
        """Connections ever accepted."""
        self.port = 0
        self._host = host
        self._target = target
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.restore()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cut()

    async def restore(self) -> None:
        """Accept connections (again), on the same port, with no faults."""
        self.delay_s, self.drop = 0.0, False
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Break every connection at once, without an orderly end, and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        far: asyncio.StreamWriter | None = None
        try:
            far_reader, far = await asyncio.open_connection(self._host, self._target)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, far))
                group.create_task(self._pass(far_reader, writer))
        except* OSError:
            pass  # a broken connection on one side breaks the other, below
        except* asyncio.CancelledError:
            pass  # cut
        finally:
            self._serving.discard(task)
            for end in (writer, far):
                if end is not None:
                    end.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(CHUNK):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            if not self.drop:
                writer.write(chunk)
                await writer.drain()
        raise ConnectionResetError
