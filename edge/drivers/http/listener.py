"""The listening socket: uvicorn inside the gateway's event loop, hardened against slow and many clients."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_S: Final = 10
"""From the connection, or the first byte of another request, to the end of the request's headers."""
DRAIN_S: Final = 30
"""For the rest of a body that is answered already: a terminal that speaks digest sends its pictures before it
reads that it has to prove itself."""
KEEP_ALIVE_S: Final = 15
STOP_S: Final = 2
MOST_CONNECTIONS: Final = 256
LONGEST_HEADERS: Final = 16_384


class _PatientProtocol(H11Protocol):
    """uvicorn's HTTP with an end to its patience: for headers that do not come, and for a body that goes on
    after it was answered. It has limits of its own only for connections between requests."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
            return
        self._wait_for_request()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._wait_for_request()
        else:
            self._forget_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self._forget_deadline()
        super().on_response_complete()

    def _wait_for_request(self) -> None:
        if self._deadline is None and not self.transport.is_closing():
            draining = self.conn.their_state is h11.SEND_BODY
            self._deadline = self.loop.call_later(DRAIN_S if draining else HEADER_S, self.transport.abort)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


@asynccontextmanager
async def listening(
    app: ASGIApp, *, host: str, port: int, certificate: Path | None = None, key: Path | None = None
) -> AsyncIterator[tuple[str, int]]:
    """Serve `app`, gives the address. Raises OSError (ssl.SSLError too) if it can't listen there."""
    config = uvicorn.Config(
        app,
        http=_PatientProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,  # paths hold tokens
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_S,
        h11_max_incomplete_event_size=LONGEST_HEADERS,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    await asyncio.to_thread(config.load)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.create_server((host, port), family=family, dualstack_ipv6=False, backlog=128)
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    try:
        # Its `serve` would poll ten times a second whether it should end.
        await server.startup(sockets=[opened])
        address: Any = opened.getsockname()
        try:
            yield address[0], address[1]
        finally:
            await server.shutdown(sockets=[opened])
            for connection in list(server.server_state.connections):
                connection.transport.abort()
    finally:
        opened.close()
