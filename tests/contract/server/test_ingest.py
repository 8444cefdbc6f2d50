"""Whatever a peer says, the server takes the next message: on both SQL engines, message by message."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from sqlalchemy import QueuePool, select, text

from gateway.wire import AckMessage, Channel, Message, topic
from server.alarms import service
from server.clock import now, to_ms
from server.context import Context
from server.db.database import Change, Database
from server.db.models import Gateway, Occurrence, QuarantinedMessage
from server.errors import StoreUnavailableError
from server.ingest import handlers, link
from server.ingest.frames import Arrived, FrameWriter
from server.ingest.link import Link
from server.settings import ServerSettings

FAR = 10**18
HEALTH = {"at_ms": 1, "uptime_s": 1.0}
DRIVER = {"name": "mqtt", "running": True, "restarts": 0, "readings": 0, "errors": 0}
FOUND = {"source": "mqtt", "base": "b", "id": "i", "name": "n", "topic": "t"}


class Peer(Link):
    """The server's side, told by hand; it keeps what it would send."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.acks: list[tuple[str, int]] = []

    async def send(
        self, gateway_id: str, channel: Channel, message: Message, *, retain: bool = False
    ) -> bool:
        assert isinstance(message, AckMessage)
        msgspec.json.encode(message)
        self.acks += [(message.lane, seq) for seq in message.seqs]
        return True

    async def tell(self, channel: Channel, document: dict[str, Any], gateway: str = "gw-1") -> None:
        """One message arrives."""
        await self._take(topic(gateway, channel), msgspec.json.encode(document))


def pressed(seq: int, **other: Any) -> dict[str, Any]:
    return {
        "epoch": "lane",
        "seq": seq,
        "event": "occurred",
        "breach": f"b{seq}",
        "position": "home-sos",
        "device": "d-home-sos",
        "rule": "sos",
        "severity": "critical",
        "task_kind": "care",
        "device_ms": to_ms(now()),
        "gateway_ms": to_ms(now()),
        "point": "action",
        "value": "emergency",
        "ends": False,
        **other,
    }


def quarantined(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(QuarantinedMessage.reason).order_by(QuarantinedMessage.id)))


def kept(database: Database) -> dict[int, Occurrence]:
    with database.read() as session:
        return {one.seq: one for one in session.scalars(select(Occurrence).where(Occurrence.device_id != ""))}


async def test_no_alarm_is_lost_by_what_stands_in_it(context: Context) -> None:
    """Broken clocks and texts that are filled up cost nothing; what nobody could mean is kept apart."""
    peer = Peer(context)
    recorded: tuple[dict[str, Any], ...] = (
        *(
            {"gateway_ms": FAR},
            {"gateway_ms": -FAR},
            {"device_ms": FAR},
            {"device_ms": FAR, "gateway_ms": FAR},
        ),
        *(
            {"value": "a\0b"},
            {"value": "emergency\0\0"},
            {"breach": "c\0d"},
            {"rule": "a\0b"},
            {"point": "x\0"},
        ),
        *({"point": "visitor", "gateway_ms": FAR}, {"device": "d-home-sos\0"}, {"position": "home-sos\0\0"}),
    )
    refused: tuple[dict[str, Any], ...] = (
        {"position": "a\0b"},
        {"value": 2**63},
        {"breach": "b" * 201},
        {"device_ms": "now"},
    )
    for seq, other in enumerate((*recorded, *refused), 1):
        await peer.tell("up/alarm", pressed(seq, **other))
    assert peer.acks == [("alarm", seq) for seq in range(1, len(recorded) + len(refused) + 1)]
    assert kept(context.database).keys() == set(range(1, len(recorded) + 1))
    assert not any(kept(context.database)[seq].clock_trusted for seq in (1, 2, 3, 4, 10))
    assert len(quarantined(context.database)) == len(refused)
    for number in (2**63, -1, "1"):  # no number that could be acknowledged
        await peer.tell("up/alarm", {**pressed(1), "seq": number})
    await peer.tell("up/alarm", pressed(99, epoch="lane\0"))
    assert len(peer.acks) == len(recorded) + len(refused) + 1
    assert len(kept(context.database)) == len(recorded)


async def test_no_report_ends_the_server(context: Context) -> None:
    peer = Peer(context)
    away = {**DRIVER, "away": {"since_ms": FAR, "devices": 1}}
    trouble = {"source": "lane", "reason": "disk", "detail": "x", "count": 1, "last_ms": FAR}
    for report in (
        {"health": {**HEALTH, "troubles": [trouble]}},
        {"health": {**HEALTH, "drivers": [away]}},
        {"health": {**HEALTH, "alarm_oldest_ms": FAR, "data_oldest_ms": FAR}},
        *({"applied": 2**63}, {"refused": 2**40, "reason": "x"}, {"session": "s" * 201}),
    ):
        await peer.tell("up/state", {"online": True, "session": "s", **report})
    for reply in ({"id": "x" * 201}, {"id": "nobody's"}, {"id": "x\0"}):
        await peer.tell("up/reply", {"ok": True, **reply})
    for found in ({"at_ms": FAR}, {"left_out": -1}):
        await peer.tell("up/found", {"at_ms": to_ms(now()), **found})
    count = 6 + 3 + 2
    assert len(quarantined(context.database)) == count
    filled = {**DRIVER, "last_error": "broken\0"}
    await peer.tell(
        "up/state",
        {"online": True, "session": "s\0", "software": "1.2\0\0", "health": {**HEALTH, "drivers": [filled]}},
    )
    await peer.tell(
        "up/found", {"at_ms": to_ms(now()), "devices": [{**FOUND, "name": "n\0"}], "sources": ["m/b\0"]}
    )
    for odd in ("sunwell/v1/gw\0/up/state", "sunwell/v1//up/data", "sunwell/v1/gw-1/up/other"):
        await peer._take(odd, b"{}")
    assert quarantined(context.database)[count:] == ["unknown_topic"] * 3
    with context.database.read() as session:
        assert session.get_one(Gateway, "gw-1").software == "1.2"


async def test_an_alarm_that_our_code_fails_on_comes_again(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is kept where people look, once; and it is in the record once the mistake is mended."""
    peer = Peer(context)
    record = service.record

    def failing(*given: Any, **named: Any) -> Any:
        if named["message"].seq == 1:
            raise ValueError("王秀英")
        return record(*given, **named)

    first = pressed(1)
    monkeypatch.setattr(service, "record", failing)
    for message in (first, first, pressed(2)):
        await peer.tell("up/alarm", message)
    assert peer.acks == [("alarm", 2)]
    assert quarantined(context.database) == ["failed"]
    with context.database.read() as session:
        detail = session.scalars(select(QuarantinedMessage.detail)).one()
    assert "ValueError" in detail
    assert "王秀英" not in detail
    monkeypatch.undo()
    await peer.tell("up/alarm", first)
    assert peer.acks == [("alarm", 2), ("alarm", 1)]
    assert kept(context.database).keys() == {1, 2}


async def test_a_frame_that_cannot_be_kept_stops_no_other(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    acks: list[int] = []

    async def acknowledge(_gateway: str, ack: AckMessage) -> None:
        acks.extend(ack.seqs)

    def frame(seq: int, **other: Any) -> Arrived:
        reading = {"p": "home-fall", "d": "d-home-fall", "f": "fall", "t": to_ms(now()), "r": to_ms(now())}
        document = {"epoch": "e", "seq": seq, "readings": [{**reading, "v": {"battery": 40 + seq}, **other}]}
        return Arrived("gw-1", "sunwell/v1/gw-1/up/data", msgspec.json.encode(document))

    points = FrameWriter._points

    async def failing(self: FrameWriter, arrived: Arrived, decoded: Any, shown: Any) -> Any:
        if decoded.seq == 2:
            raise ValueError("nobody foresaw this")
        return await points(self, arrived, decoded, shown)

    monkeypatch.setattr(FrameWriter, "_points", failing)
    writer = FrameWriter(context, acknowledge)
    await writer._write_all([frame(1), frame(2), frame(3)])
    assert sorted(acks) == [1, 2, 3]
    assert quarantined(context.database) == ["failed"]
    acks.clear()
    odd: tuple[dict[str, Any], ...] = (
        {"v": {"battery": "1" * 5_000}},
        {"v": {"firmware": "1\0"}},
        {"v": {"a\0": 1}},
        {"f": "fall\0"},
        {"t": -FAR},
    )
    odd = (*odd, {"t": FAR, "r": FAR})
    await writer._write_all([frame(seq, **other) for seq, other in enumerate(odd, 10)])
    assert sorted(acks) == list(range(10, 16))
    long = frame(20).payload.replace(b":60}", b":1" + b"0" * 400 + b"}")
    await writer._write_all([Arrived("gw-1", "sunwell/v1/gw-1/up/data", long), frame(21)])
    assert sorted(acks[6:]) == [20, 21]
    assert quarantined(context.database)[-1] == "unreadable"
    found = await context.store.latest({"fall": ["battery"]}, since=now() - timedelta(hours=1))
    assert {value.value for value in found["home-fall"]} == {61.0}


class Broker:
    """Hands what is published to those who subscribed, and keeps what they publish."""

    def __init__(self) -> None:
        self.subscribed: dict[str, asyncio.Queue[Any]] = {}
        self.published: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    @asynccontextmanager
    async def client(self, _settings: ServerSettings, _name: str) -> AsyncIterator[Any]:
        """Stands in for `broker_client`."""
        waiting: asyncio.Queue[Any] = asyncio.Queue()

        async def subscribe(wanted: str, qos: int) -> None:
            self.subscribed[wanted.rpartition("+/")[2]] = waiting

        async def publish(where: str, payload: bytes, **_: Any) -> None:
            self.published.put_nowait((where, payload))

        async def messages() -> AsyncIterator[Any]:
            while True:
                yield await waiting.get()

        yield SimpleNamespace(subscribe=subscribe, publish=publish, messages=messages())

    def tell(self, channel: Channel, document: dict[str, Any]) -> None:
        """A gateway publishes."""
        payload = msgspec.json.encode(document)
        self.subscribed[channel].put_nowait(SimpleNamespace(topic=topic("gw-1", channel), payload=payload))

    async def heard(self, channel: Channel) -> bytes:
        """The next that a gateway hears on this channel."""
        async with asyncio.timeout(10):
            while True:
                where, payload = await self.published.get()
                if where.endswith(channel):
                    return payload


@pytest.fixture
async def broker(context: Context, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Broker]:
    broker = Broker()
    monkeypatch.setattr(link, "broker_client", broker.client)
    monkeypatch.setattr(link, "AGAIN_S", 0.01)
    running = Link(context)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(running.run())
        async with asyncio.timeout(10):
            await running.connected.wait()
        yield broker
        task.cancel()


async def test_an_alarm_does_not_wait_behind_the_states_of_all_gateways(
    context: Context, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, go_on = threading.Event(), threading.Event()

    def slow(*_: Any, **__: Any) -> None:
        told.set()
        assert go_on.wait(10)

    monkeypatch.setattr(handlers, "handle_state", slow)
    for _ in range(3):
        broker.tell("up/state", {"online": True, "session": "s"})
    assert await asyncio.to_thread(told.wait, 10)
    for seq in (1, 2):
        broker.tell("up/alarm", pressed(seq))
    for seq in (1, 2):
        assert msgspec.json.decode(await broker.heard("down/ack"))["seqs"] == [seq]
    go_on.set()


async def test_documents_are_sent_once_the_database_is_back(
    context: Context, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is away while a gateway's devices change, or just when everything is to be sent again."""
    version = 1

    def change() -> None:
        with context.database.write() as session:
            session.get_one(Gateway, "gw-1").desired_version = version

    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def away(*_: Any) -> None:
        loop.call_soon_threadsafe(asked.set)
        raise StoreUnavailableError("the database does not answer")

    for what in (Change("desired", "gw-1"), Change("resync", "", "")):
        version += 1
        change()
        with monkeypatch.context() as patch:
            patch.setattr(Link, "_gateway", away)
            patch.setattr(Link, "_gateways", away)
            context.bus.publish(what)
            async with asyncio.timeout(10):
                await asked.wait()
        asked.clear()
        while msgspec.json.decode(await broker.heard("down/desired"))["version"] != version:
            pass


def test_a_pool_that_is_used_up_is_a_database_that_does_not_answer(
    street: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = street.engine.pool
    assert isinstance(pool, QueuePool)
    monkeypatch.setattr(pool, "_timeout", 0.01)
    with ExitStack() as held:
        for _ in range(pool.size() + pool._max_overflow):
            held.enter_context(street.engine.connect())
        with pytest.raises(StoreUnavailableError), street.write() as session:
            session.execute(text("SELECT 1"))
