"""`sunwell server`: the server, from its settings (SUNWELL_SERVER_…)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated

import structlog
import typer

from gateway.health import watchdog
from gateway.health.watchdog import Notifier, Watchdog
from server.app import Server
from server.settings import ServerSettings
from sunwell import logs
from sunwell.running import until_stopped

log = structlog.get_logger(__name__)


def server(verbose: Annotated[bool, typer.Option(help="Tell more in the log")] = False) -> None:
    """Run the server. Its settings come from the environment; see deploy/env/server.env.example."""
    logs.set_up(verbose=verbose)
    settings = ServerSettings()
    log.info("server_starts", http=f"{settings.http_host}:{settings.http_port}")
    until_stopped(lambda: watched(Server(settings), watchdog.from_systemd()))
    log.info("server_stopped")


@asynccontextmanager
async def watched(server: Server, notifier: Notifier | None) -> AsyncIterator[None]:
    """Runs the server; systemd, where it has started it, gets signs of life while the loops turn."""

    async def silent() -> Sequence[str]:
        return server.silent_loops()

    async with server.running(), asyncio.TaskGroup() as group:
        if notifier is None:
            yield
            return
        beating = Watchdog(notifier, silent, slow="event loop").run()
        task = group.create_task(beating, name="watchdog")
        try:
            yield
        finally:
            notifier.tell(STOPPING="1")
            task.cancel()
