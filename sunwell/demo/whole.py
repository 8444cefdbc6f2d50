"""All of Sunwell in one process: broker, server, gateways and the street, opened in that order."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.app import GatewayApp
from gateway.settings import Broker, GatewaySettings
from server.app import Server
from server.clock import now
from server.settings import ServerSettings, make_secret
from sunwell.demo import away, commissioned, past, people, roster
from sunwell.demo.broker import running_broker
from sunwell.demo.desk import Desk
from sunwell.demo.page import extension
from sunwell.demo.scenario import Scenario
from sunwell.simulate.network import Proxy
from sunwell.simulate.people import AREAS, GATEWAYS
from sunwell.simulate.registering import register
from sunwell.simulate.registry import GatewayRow, Registry
from sunwell.simulate.street import Street

LONE_GATEWAY: Final = "gw-demo"
CUT_GATEWAY: Final = "gw-west"
"""The one whose cable the scenario cuts."""
ZIGBEE_BASES: Final = ("zigbee2mqtt",)
DISCOVERY_PREFIXES: Final = ("homeassistant",)
"""Where visitors' own devices tell of themselves: the usual names. One gateway asks, since all of the demo's
share the devices' broker and each device is to be found once."""
GRACE_S: Final = 10.0
"""A cut of 20 s is to be seen; in the field a minute is kinder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSettings:
    """Where the demo keeps and offers things. `simulate` is whether there is a street."""

    host: str
    http_port: int
    mqtt_port: int
    data: Path
    simulate: bool


@asynccontextmanager
async def running_demo(settings: DemoSettings) -> AsyncIterator[Server]:
    """Everything, running and registered; the street's story plays by itself. Raises OSError where a port
    is taken."""
    names = GATEWAYS if settings.simulate else (LONE_GATEWAY,)
    files = {name: settings.data / "secrets" / f"{name}.password" for name in ("server", *names)}
    passwords = {name: make_secret(file) for name, file in files.items()}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(
            running_broker(host=settings.host, port=settings.mqtt_port, passwords={})
        )
        inner = free_port()
        await stack.enter_async_context(running_broker(host="127.0.0.1", port=inner, passwords=passwords))
        cable = await stack.enter_async_context(Proxy(inner))
        street = await _street(stack, settings)
        desk = Desk()
        scenario = (
            await stack.enter_async_context(Scenario(street, cable, desk).playing()) if street else None
        )
        server = Server(
            _server_settings(settings, inner, files["server"]),
            demo=True,
            extend=extension(scenario) if scenario else None,
        )
        await stack.enter_async_context(server.running())
        token = await asyncio.to_thread(people.settle, server.context)
        await register(server.url, token, street.registry() if street else _lone_registry())
        await asyncio.to_thread(
            roster.settle, server.context.database, desk.manager(server.context), now=now()
        )
        if street:
            await asyncio.to_thread(commissioned.settle, server.context)
            await asyncio.to_thread(away.settle, server.context)
            await asyncio.to_thread(desk.settle, server.context)
        for name in names:
            port = cable.port if name == CUT_GATEWAY else inner
            await stack.enter_async_context(GatewayApp(_gateway_settings(settings, name, port, files[name])))
        if scenario:
            scenario.begin_story()
            await past.settle(server.context)
        yield server


async def _street(stack: AsyncExitStack, settings: DemoSettings) -> Street | None:
    if not settings.simulate:
        return None
    street = Street("127.0.0.1", settings.mqtt_port, quiet=(past.QUIET_HOME,))
    return await stack.enter_async_context(street)


def _lone_registry() -> Registry:
    gateway = GatewayRow(id=LONE_GATEWAY, area_id=AREAS[0].id, name="演示网关")
    return Registry(areas=AREAS, gateways=(gateway,), residents=(), wells=(), positions=(), devices=())


def _server_settings(settings: DemoSettings, broker_port: int, password: Path) -> ServerSettings:
    return ServerSettings(
        data=settings.data,
        mqtt_host="127.0.0.1",
        mqtt_port=broker_port,
        mqtt_user="server",
        mqtt_password_file=password,
        mqtt_version="3.1.1",
        http_host=settings.host,
        http_port=settings.http_port,
        gateway_grace_s=GRACE_S,
    )


def _gateway_settings(settings: DemoSettings, name: str, uplink_port: int, password: Path) -> GatewaySettings:
    asks = name in (GATEWAYS[0], LONE_GATEWAY)
    return GatewaySettings(
        name=name,
        data=settings.data / "gateways" / name,
        zigbee2mqtt=ZIGBEE_BASES if asks else (),
        home_assistant=DISCOVERY_PREFIXES if asks else (),
        uplink=Broker(host="127.0.0.1", port=uplink_port, user=name, password_file=password, version="3.1.1"),
        devices=Broker(host="127.0.0.1", port=settings.mqtt_port, user=name, version="3.1.1"),
    )


def free_port() -> int:
    """A TCP port of the loopback address that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
