"""`sunwell gateway`: one gateway, from its settings (SUNWELL_GATEWAY_… or a TOML file)."""

import asyncio
import tomllib
from pathlib import Path
from typing import Annotated

import structlog
import typer
from pydantic import ValidationError

from gateway.app import GatewayApp
from gateway.lanes.files import LaneInUseError
from gateway.settings import GatewaySettings
from sunwell import logs
from sunwell.running import until_stopped

log = structlog.get_logger(__name__)


def gateway(
    config: Annotated[Path | None, typer.Option(help="A TOML file of settings; see docs/gateway.md")] = None,
    verbose: Annotated[bool, typer.Option(help="Tell more in the log")] = False,
) -> None:
    """Run a gateway: read sensors, judge, keep and forward."""
    logs.set_up(verbose=verbose)
    try:
        settings = GatewaySettings.read(config)
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        typer.echo(f"sunwell gateway: settings: {error}", err=True)
        raise typer.Exit(2) from error
    usual = "debug" if verbose else "info"
    log.info("gateway starts", gateway=settings.name, data=str(settings.data))
    try:
        ended = asyncio.Event()
        until_stopped(
            lambda: GatewayApp(
                settings,
                restart=ended.set,
                set_log_level=lambda level: logs.set_level(level or usual),
            ),
            ended,
        )
    except LaneInUseError as error:
        typer.echo(f"sunwell gateway: another gateway uses this data folder: {error}", err=True)
        raise typer.Exit(2) from error
    log.info("gateway stopped")
