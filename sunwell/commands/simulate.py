"""`sunwell simulate`: a simulated street beside a real broker and server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import structlog
import typer

from firmware_profiles import ProfileErrors
from firmware_profiles.documents import validated
from firmware_profiles.yaml12 import parse
from sunwell import logs
from sunwell.commands.profile import find_profile
from sunwell.running import until_stopped
from sunwell.simulate.playing import Where, check_playable, played
from sunwell.simulate.registering import RegistrationError, register
from sunwell.simulate.registry import Registry
from sunwell.simulate.scenario import Scenario, ScenarioError, moves_of_examples, moves_of_scenario
from sunwell.simulate.street import Street

log = structlog.get_logger(__name__)
RETRY_S = 2.0


def simulate(
    host: Annotated[str, typer.Option(help="The devices' broker")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Its port")] = 1883,
    user: Annotated[str | None, typer.Option(help="The devices' user there")] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="File with the password", envvar="SUNWELL_SIMULATE_PASSWORD_FILE")
    ] = None,
    server: Annotated[str | None, typer.Option(help="Register the street with this server (its URL)")] = None,
    token_file: Annotated[Path | None, typer.Option(help="API token for that; may appear later")] = None,
    gateway: Annotated[str | None, typer.Option(help="… all of it with this one gateway")] = None,
    modbus_name: Annotated[
        str | None, typer.Option(help="… with this name for the simulated Modbus devices' address")
    ] = None,
    homes: Annotated[int, typer.Option(min=1, help="How many homes")] = 32,
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between two messages of a device")] = 5.0,
    modbus_host: Annotated[str, typer.Option(help="Address of the simulated Modbus devices")] = "127.0.0.1",
    modbus_port: Annotated[int, typer.Option(help="First of their ports; 0 takes free ones")] = 15_021,
    profile: Annotated[
        str | None, typer.Option(help="Play one device of this profile (its id, or its file) instead")
    ] = None,
    scenario: Annotated[
        Path | None, typer.Option(help="… by this scenario, not by the profile's examples in turn")
    ] = None,
    name: Annotated[str, typer.Option(help="… with this name")] = "",
    topic: Annotated[str, typer.Option(help="… on this topic, not the usual one of its transport")] = "",
    url: Annotated[str, typer.Option(help="… pushing to this URL of a gateway, for what speaks HTTP")] = "",
) -> None:
    """Run a street of simulated homes, wells and kiosks, or one device of any profile. They speak their
    makers' own protocols."""
    logs.set_up()
    if (server is None) != (token_file is None):
        raise typer.BadParameter("--server and --token-file go together")
    if profile is None and (scenario or name or topic or url):
        raise typer.BadParameter("--scenario, --name, --topic and --url go with --profile")
    password = password_file.read_text(encoding="utf-8").strip() if password_file else None
    if profile is not None:
        where = Where(
            host=host,
            port=port,
            username=user,
            password=password,
            modbus_host=modbus_host,
            modbus_port=modbus_port,
            name=name,
            topic=topic,
            url=url,
        )
        _play(profile, scenario, where, interval)
        return

    @asynccontextmanager
    async def playing() -> AsyncIterator[None]:
        async with (
            Street(
                host,
                port,
                username=user,
                password=password,
                homes=homes,
                interval_s=interval,
                modbus_host=modbus_host,
                modbus_ports=tuple(range(modbus_port, modbus_port + 4)) if modbus_port else (),
            ) as street,
            asyncio.TaskGroup() as group,
        ):
            work = None
            if server and token_file:
                registry = street.registry().through(gateway=gateway, modbus_name=modbus_name)
                work = group.create_task(_register(server, token_file, registry))
            yield
            if work:
                work.cancel()

    until_stopped(playing)


def _play(profile_id: str, scenario: Path | None, where: Where, interval_s: float) -> None:
    """One device of a profile, until stopped."""
    profile = find_profile(profile_id)
    try:
        if scenario is None:
            moves, repeat = moves_of_examples(profile, interval_s), True
        else:
            file = scenario.as_posix()
            given = validated(Scenario, parse(scenario.read_text(encoding="utf-8"), file), file)
            moves, repeat = moves_of_scenario(profile, given), given.repeat
        check_playable(profile, moves, where)
    except (OSError, UnicodeDecodeError, ProfileErrors, ScenarioError) as error:
        typer.echo(str(error))
        raise typer.Exit(1) from error

    @asynccontextmanager
    async def playing() -> AsyncIterator[None]:
        async with played(profile, moves, where, repeat=repeat) as words:
            typer.echo(words)
            yield

    until_stopped(playing)


async def _register(server: str, token_file: Path, registry: Registry) -> None:
    """Registers the street, however long the server or the token's file takes to come."""
    while True:
        try:
            token = await asyncio.to_thread(token_file.read_text, encoding="utf-8")
            await register(server, token.strip(), registry)
        except OSError as error:
            log.info("server_not_there_yet", detail=str(error)[:200])
            await asyncio.sleep(RETRY_S)
        except RegistrationError as error:
            log.error("registration_refused", detail=str(error)[:500])  # noqa: TRY400 - says all there is
            return
        else:
            log.info("street_registered")
            return
