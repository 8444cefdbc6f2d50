"""`sunwell server`: the server, from its settings (SUNWELL_SERVER_…)."""

from typing import Annotated

import structlog
import typer

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
    until_stopped(Server(settings).running)
    log.info("server_stopped")
