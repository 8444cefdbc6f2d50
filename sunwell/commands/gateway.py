"""`sunwell gateway`: one gateway, from its settings (SUNWELL_GATEWAY_… or TOML); `enrol` makes it known."""

import asyncio
import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
import structlog
import typer
from pydantic import ValidationError

from gateway.app import GatewayApp
from gateway.enrolment import enrolling, page
from gateway.enrolment.enrolling import EnrolError
from gateway.enrolment.identity import Identity, IdentityStore
from gateway.enrolment.wire import CodeError, read_code
from gateway.lanes.files import LaneInUseError
from gateway.settings import GatewaySettings
from gateway.watchdog import from_systemd
from sunwell import logs
from sunwell.running import until_stopped

log = structlog.get_logger(__name__)
app = typer.Typer(help="Run a gateway, or make it known to its server")

Config = Annotated[Path | None, typer.Option(help="A TOML file of settings; see docs/gateway.md")]


@app.callback(invoke_without_command=True)
def gateway(
    context: typer.Context,
    config: Config = None,
    verbose: Annotated[bool, typer.Option(help="Tell more in the log")] = False,
) -> None:
    """Run a gateway: read sensors, judge, keep and forward. Without a command it runs until it is stopped."""
    logs.set_up(verbose=verbose)
    if context.invoked_subcommand is not None:
        context.obj = config
        return
    settings = read_settings(config)
    identity = _identity(settings)
    if identity is None and "uplink" not in settings.model_fields_set:
        identity = _wait_for_identity(settings)
        if identity is None:
            return
    if identity is not None:
        known = {"name": identity.known.gateway, "uplink": identity.broker}
        settings = settings.model_copy(update=known)
    _run(settings, identity, usual="debug" if verbose else "info")


@app.command()
def enrol(
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="The code from the server's page or `sunwell gateway-code`")],
    config: Config = None,
) -> None:
    """Make this gateway known to the server that made CODE. A running gateway takes it over by itself."""
    settings = read_settings(config or context.obj)
    try:
        identity = enrolling.enrol(read_code(code), IdentityStore(settings.identity))
    except (CodeError, EnrolError) as error:
        typer.echo(f"sunwell gateway enrol: {error}", err=True)
        raise typer.Exit(1) from error
    known = identity.known
    typer.echo(f"enrolled as {known.gateway}; its broker is {known.broker_host}:{known.broker_port}")


def _run(settings: GatewaySettings, identity: Identity | None, *, usual: str) -> None:
    log.info("gateway starts", gateway=settings.name, data=str(settings.data))
    try:
        ended = asyncio.Event()
        until_stopped(
            lambda: GatewayApp(
                settings,
                identity=identity,
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


def _identity(settings: GatewaySettings) -> Identity | None:
    try:
        return IdentityStore(settings.identity).read()
    except (OSError, msgspec.DecodeError) as error:
        log.warning("what enrolment left can't be read: enrol anew", detail=str(error)[:200])
        return None


def _wait_for_identity(settings: GatewaySettings) -> Identity | None:
    """The identity, once a person has brought a code; None if the program was told to stop before."""
    enrolled = asyncio.Event()
    store = IdentityStore(settings.identity)
    until_stopped(lambda: page.waiting(settings.page, store, enrolled), enrolled)
    return _identity(settings)
