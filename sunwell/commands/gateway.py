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
from gateway.watchdog import from_systemd
from sunwell import logs
from sunwell.running import until_stopped

log = structlog.get_logger(__name__)
app = typer.Typer()


@app.callback(invoke_without_command=True)
def gateway(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(help="A TOML file of settings; see docs/gateway.md")] = None,
    verbose: Annotated[bool, typer.Option(help="Tell more in the log")] = False,
) -> None:
    """Run a gateway: read sensors, judge, keep and forward. Without a command it runs until it is stopped."""
    logs.set_up(verbose=verbose)
    if context.invoked_subcommand is not None:
        context.obj = config
        return
    settings = read_settings(config)
    usual = "debug" if verbose else "info"
    log.info("gateway starts", gateway=settings.name, data=str(settings.data))
    try:
        ended = asyncio.Event()
        until_stopped(
            lambda: GatewayApp(
                settings,
                restart=ended.set,
                set_log_level=lambda level: logs.set_level(level or usual),
                notifier=from_systemd(),
            ),
            ended,
        )
    except LaneInUseError as error:
        typer.echo(f"sunwell gateway: another gateway uses this data folder: {error}", err=True)
        raise typer.Exit(2) from error
    log.info("gateway stopped")


def read_settings(config: Path | None) -> GatewaySettings:
    """The settings, or the end of the program with what is wrong."""
    try:
        return GatewaySettings.read(config)
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        typer.echo(f"sunwell gateway: settings: {error}", err=True)
        raise typer.Exit(2) from error
