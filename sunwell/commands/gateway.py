"""`sunwell gateway`: one gateway, from its settings (SUNWELL_GATEWAY_… or TOML).

`enrol` makes it known to its server, `bundle` packs what helps to find a fault.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
from gateway.health import bundle as support
from gateway.health import watchdog
from gateway.health.machine import wall_ms
from gateway.lanes.files import LaneInUseError
from gateway.settings import GatewaySettings
from sunwell import logs
from sunwell.running import until_stopped

log = structlog.get_logger(__name__)
app = typer.Typer(help="Run a gateway, make it known to its server, or pack what helps to find a fault")

UNIT = "sunwell-gateway"
BUNDLE = Path("sunwell-bundle.zip")
STANDARD_OUTPUT = Path("-")
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


@app.command()
def bundle(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="The zip to be written; - for standard output")] = BUNDLE,
    config: Config = None,
    running: Annotated[
        Path, typer.Option(help="Folder of the running program (systemd's RuntimeDirectory)")
    ] = Path("/run/sunwell-gateway"),
    log_file: Annotated[
        Path | None, typer.Option("--log", help="The log, if it is not in systemd's journal")
    ] = None,
) -> None:
    """Pack what helps to find a fault: versions, settings, health, log; no secret, name or address."""
    settings = read_settings(config or context.obj)
    try:
        lines = _journal() if log_file is None else log_file.read_text(errors="replace").splitlines()
        content, missing = support.make(settings, running=running, log=lines, now_ms=wall_ms())
        if out == STANDARD_OUTPUT:
            sys.stdout.buffer.write(content)
        else:
            with out.open("xb") as file:
                file.write(content)
    except OSError as error:
        typer.echo(f"sunwell gateway bundle: {error}", err=True)
        raise typer.Exit(1) from error
    for one in missing:
        typer.echo(f"not in it: {one}", err=True)
    typer.echo(f"{out}: {len(content)} bytes", err=True)


def _journal() -> list[str]:
    program = shutil.which("journalctl")
    if program is None:
        return []
    command = [program, "-u", UNIT, "-o", "cat", "-n", str(support.LINES), "--no-pager", "--quiet"]
    try:
        said = subprocess.run(command, capture_output=True, timeout=30, check=False)  # noqa: S603 - fixed words
    except subprocess.TimeoutExpired:
        return []
    return said.stdout.decode(errors="replace").splitlines()


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
                notifier=watchdog.from_systemd(),
                running=Path(folder) if (folder := os.environ.get("RUNTIME_DIRECTORY")) else None,
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
    until_stopped(lambda: _waiting(settings, store, enrolled), enrolled)
    return _identity(settings)


@asynccontextmanager
async def _waiting(
    settings: GatewaySettings, store: IdentityStore, enrolled: asyncio.Event
) -> AsyncIterator[None]:
    async with page.waiting(settings.page, store, enrolled), watchdog.waiting(watchdog.from_systemd()):
        yield
