"""One simulated device of any profile, over its real protocol."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import cycle
from typing import Final
from urllib.parse import urlsplit

import structlog

from firmware_profiles import MessagePayload, Profile, RegisterPayload
from sunwell.simulate.devices.lorawan import LorawanDevice
from sunwell.simulate.modbus_host import ModbusHost, SimulatedUnit
from sunwell.simulate.publisher import Publisher
from sunwell.simulate.pushing import Pusher, PushRefusedError, as_event
from sunwell.simulate.scenario import Move, ScenarioError

log = structlog.get_logger(__name__)
DEV_EUI: Final = "5afe000000000001"
HIKVISION: Final = "Hikvision"
CHINA: Final = timezone(timedelta(hours=8))
LEAST_S: Final = 0.01
"""Between two things said, so that a scenario without times is no busy loop."""

Clock = Callable[[], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """The broker, the address to listen at for Modbus, or the URL to push to; and what the device is called
    there."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str | None = None
    password: str | None = None
    modbus_host: str = "127.0.0.1"
    modbus_port: int = 0
    modbus_unit: int = 1
    url: str = ""
    name: str = ""
    topic: str = ""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def check_playable(profile: Profile, moves: Sequence[Move], where: Where) -> None:
    """Raises ScenarioError where the profile can't be played there."""
    if profile.transport == "modbus":
        first_image(moves)
    if profile.transport == "http" and not where.url.startswith(("http://", "https://")):
        raise ScenarioError(f"{profile.id} pushes: give the gateway's --url, http://…/in/SOURCE/…")


@asynccontextmanager
async def played(
    profile: Profile, moves: Sequence[Move], where: Where, *, repeat: bool, clock: Clock = _now_ms
) -> AsyncIterator[str]:
    """The device while it plays; gives the words that say where. Raises ScenarioError for registers that
    can't be simulated."""
    make = {"modbus": _registers, "http": _pushes}.get(profile.transport, _messages)
    async with make(profile, moves, where, repeat=repeat, clock=clock) as words:
        yield words


@asynccontextmanager
async def _messages(
    profile: Profile, moves: Sequence[Move], where: Where, *, repeat: bool, clock: Clock
) -> AsyncIterator[str]:
    publisher = Publisher(where.host, where.port, where.username, where.password)
    name = where.name or profile.id
    lorawan = LorawanDevice(name, DEV_EUI)
    lorawan.profile = profile.id
    topics = {"zigbee2mqtt": f"zigbee2mqtt/{name}", "lorawan": lorawan.topic}
    topic = where.topic or topics.get(profile.transport, f"devices/sim/{name}")

    def wrapped(payload: MessagePayload) -> bytes:
        if profile.transport != "lorawan":
            return payload.body
        lorawan.port = payload.port if payload.port is not None else 1
        return lorawan.uplink(payload.body, clock())

    async def play() -> None:
        for move in cycle(moves) if repeat else moves:
            await asyncio.sleep(max(move.after_s, LEAST_S))
            assert isinstance(move.payload, MessagePayload)
            await publisher.say_and_wait(topic, wrapped(move.payload))
            log.info("said", device=name, what=move.name)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(publisher.run()), group.create_task(play())]
        try:
            yield f"{profile.id} publishes to {where.host}:{where.port}, topic {topic}"
        finally:
            publisher.stop()  # its task may swallow the cancellation
            for task in tasks:
                task.cancel()


@asynccontextmanager
async def _pushes(
    profile: Profile, moves: Sequence[Move], where: Where, *, repeat: bool, clock: Clock
) -> AsyncIterator[str]:
    pusher = Pusher(where.url, where.username, where.password)

    async def play() -> None:
        for serial, move in enumerate(cycle(moves) if repeat else moves, clock() // 1_000):
            await asyncio.sleep(max(move.after_s, LEAST_S))
            assert isinstance(move.payload, MessagePayload)
            body, kind = move.payload.body, "application/json"
            if profile.vendor == HIKVISION:
                moment = datetime.fromtimestamp(clock() / 1_000, CHINA)
                body, kind = as_event(body, serial, moment.isoformat(timespec="seconds"))
            elif where.name and body.startswith(b"{"):
                body = json.dumps({**json.loads(body), "device": where.name}).encode()
            try:
                await pusher.push(body, kind)
            except PushRefusedError as error:
                log.warning("refused", device=where.name or profile.id, what=move.name, why=str(error)[:300])
            else:
                log.info("said", device=where.name or profile.id, what=move.name)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(play())
        yield f"{profile.id} pushes to {urlsplit(where.url).netloc}"
        task.cancel()


@asynccontextmanager
async def _registers(
    profile: Profile, moves: Sequence[Move], where: Where, *, repeat: bool, clock: Clock
) -> AsyncIterator[str]:
    image, functions = first_image(moves)
    unit = SimulatedUnit(unit=where.modbus_unit, registers=lambda: dict(image), functions=functions)

    async def play() -> None:
        for move in cycle(moves) if repeat else moves:
            await asyncio.sleep(max(move.after_s, LEAST_S))
            assert isinstance(move.payload, RegisterPayload)
            image.update({address: value for (_, address), value in move.payload.values.items()})
            log.info("holds", device=where.name or profile.id, what=move.name)

    async with (
        ModbusHost([unit], host=where.modbus_host, port=where.modbus_port) as host,
        asyncio.TaskGroup() as group,
    ):
        task = group.create_task(play())
        places = ", ".join(str(address) for address in sorted(image))
        yield (
            f"{profile.id} listens at {host.host}:{host.port}, unit {where.modbus_unit}, "
            f"function {'/'.join(map(str, sorted(functions)))}, registers {places}"
        )
        task.cancel()


def first_image(moves: Sequence[Move]) -> tuple[dict[int, int], frozenset[int]]:
    """The registers before the first move, each with the first value that is said of it, and the functions
    that read them. Raises ScenarioError where one image can't hold them."""
    image: dict[int, int] = {}
    owner: dict[int, int] = {}
    for move in moves:
        if not isinstance(move.payload, RegisterPayload):
            raise ScenarioError(f"{move.name}: is no registers")
        for (fc, address), value in move.payload.values.items():
            if fc not in (3, 4):
                raise ScenarioError(
                    f"{move.name}: function {fc}: only registers are simulated, no single bits"
                )
            if owner.setdefault(address, fc) != fc:
                raise ScenarioError(f"{move.name}: register {address} belongs to two functions")
            image.setdefault(address, value)
    return image, frozenset(owner.values())
