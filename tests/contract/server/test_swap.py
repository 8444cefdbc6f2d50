"""Hardware is replaced at its position; what the old one still says is kept and raises nothing."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from gateway.rules.model import Severity, TaskKind
from gateway.wire import AckMessage, AlarmMessage, DataFrame, DataReading, encode
from server.clock import now, to_ms
from server.commissioning import hardware, repository
from server.commissioning.codes import parse
from server.commissioning.hardware import HardwareIn, SwapIn
from server.commissioning.states import Protection
from server.context import Context
from server.db.database import Database
from server.db.models import (
    Alarm,
    Attachment,
    AuditEntry,
    CommissioningTest,
    Device,
    Gateway,
    Occurrence,
    Position,
    QuarantinedMessage,
    Task,
)
from server.devices import service as registry
from server.errors import ConflictError, ForbiddenError, InvalidError
from server.ingest import handlers
from server.ingest.frames import Arrived, FrameWriter
from server.readings import service as readings
from server.users.roles import Role
from server.users.viewer import Viewer
from tests.contract.server.conftest import person

TOPIC = "sunwell/v1/gw-1/up/alarm"
NEW_EUI = "24e124ffffff0002"


@pytest.fixture
def installer(street: Database) -> Viewer:
    return person(street, Role.INSTALLER, "installer")


def swap(context: Context, viewer: Viewer, position: str, **given: Any) -> str:
    with context.database.write() as session:
        return hardware.swap(
            session, viewer, position, SwapIn(**given), catalogue=context.catalogue, now=now()
        ).id


def alarm(context: Context, seq: int, **other: Any) -> AckMessage | None:
    given: dict[str, Any] = {
        "epoch": "lane",
        "seq": seq,
        "event": "occurred",
        "breach": f"b{seq}",
        "position": "home-sos",
        "device": "d-home-sos",
        "rule": "sos",
        "severity": Severity.CRITICAL,
        "task_kind": TaskKind.CARE,
        "point": "action",
        "value": "emergency",
        "device_ms": to_ms(now()),
        "gateway_ms": to_ms(now()),
        "ends": False,
    }
    return handlers.handle_alarm(context, "gw-1", TOPIC, encode(AlarmMessage(**{**given, **other})))


def count(context: Context, model: Any) -> int:
    with context.database.read() as session:
        return int(session.query(model).count())


def swap_button(context: Context, viewer: Viewer) -> str:
    return swap(
        context, viewer, "home-sos", code="0x00124b0000000002", address={"topic": "zigbee2mqtt/sos-2"}
    )


async def test_everything_but_the_hardware_stays(context: Context, installer: Viewer) -> None:
    alarm(context, 1)
    with context.database.read() as session:
        rules = session.get_one(Gateway, "gw-1").desired["rules"]
        task = session.query(Task).one()
    new = swap_button(context, installer)
    with context.database.read() as session:
        attachments = session.query(Attachment).filter_by(position_id="home-sos").order_by("id").all()
        assert [(one.device_id, one.until is None) for one in attachments] == [
            ("d-home-sos", False),
            (new, True),
        ]
        assert attachments[0].until == attachments[1].since
        assert session.get_one(Device, "d-home-sos").retired_at is not None
        assert session.get_one(Position, "home-sos").resident_id == "r1"
        wanted = session.get_one(Gateway, "gw-1").desired
        assert wanted["rules"] == rules
        at = {one["position"]: one["id"] for one in wanted["devices"]}
        assert at["home-sos"] == new
        assert session.query(Task).one().id == task.id
        assert session.query(Task).one().closed_at is None
        assert repository.standings(session, now=now())["home-sos"].state is Protection.UNTESTED
        assert session.query(AuditEntry).filter_by(action="swap").one().detail == {
            "old": "d-home-sos",
            "device": new,
        }
    alarm(context, 2, device=new)
    with context.database.read() as session:
        assert session.query(Alarm).one().occurrences == 2  # the same alarm, the same task


async def test_late_presses_of_the_old_one_are_kept_and_raise_nothing(
    context: Context, installer: Viewer
) -> None:
    new = swap_button(context, installer)
    before = to_ms(now() - timedelta(hours=2))
    for seq, device_ms in ((1, to_ms(now())), (2, before)):
        ack = alarm(context, seq, device_ms=device_ms, gateway_ms=device_ms)
        assert ack is not None
        assert ack.seqs == [seq]  # the gateway may forget it
    assert count(context, Task) == count(context, Alarm) == count(context, QuarantinedMessage) == 0
    with context.database.read() as session:
        late = repository.late_messages(session, "home-sos")
        assert [one.device_id for one in late] == ["d-home-sos"] * 2
    alarm(context, 3, device=new)
    assert count(context, Task) == 1


async def test_silence_at_the_position_is_told_whoever_spoke_last(
    context: Context, installer: Viewer
) -> None:
    """A gateway names the device that it last heard: that the new one never spoke must not be swallowed."""
    swap_button(context, installer)
    alarm(context, 1, rule="silent", point=None, value=None, task_kind=TaskKind.MAINTENANCE, ends=True)
    assert count(context, Task) == 1


async def test_a_device_that_was_only_taken_away_still_raises(context: Context, installer: Viewer) -> None:
    """Without a successor nobody has come to the place: its last press is a call."""
    with context.database.write() as session:
        registry.retire(session, "d-home-sos", catalogue=context.catalogue, now=now())
    alarm(context, 1)
    assert count(context, Task) == 1


async def test_late_readings_are_kept_apart_and_those_of_the_new_one_taken(
    context: Context, installer: Viewer
) -> None:
    acks: list[AckMessage] = []
    got = asyncio.Event()

    async def acknowledge(_gateway: str, ack: AckMessage) -> None:
        acks.append(ack)
        got.set()

    def frame(seq: int, device: str, time: int, gateway: str = "gw-1") -> Arrived:
        reading = DataReading(p="home-fall", d=device, f="fall", t=time, r=time, v={"battery": 40 + seq})
        message = DataFrame(epoch="e", seq=seq, readings=[reading])
        return Arrived(gateway, f"sunwell/v1/{gateway}/up/data", encode(message))

    async def put(arrived: Arrived) -> None:
        got.clear()
        writer.put(arrived)
        async with asyncio.timeout(20):
            await got.wait()

    async def newest() -> float | str:
        found = await readings.latest(context.store, context.catalogue, now=now())
        return next(value.value for value in found["home-fall"] if value.field == "battery")

    writer = FrameWriter(context, acknowledge)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(writer.run())
        await put(frame(1, "d-home-fall", to_ms(now())))
        await asyncio.to_thread(
            swap, context, installer, "home-fall", code=NEW_EUI, gateway_id="gw-2", address={"topic": "a/2"}
        )
        writer._loaded_at = -1e9  # a second has passed
        await put(frame(2, "dev-home-fall.2", to_ms(now()), "gw-2"))
        assert await newest() == 42
        await put(frame(3, "d-home-fall", to_ms(now()) + 1_000))
        assert await newest() == 42
        await put(frame(4, "d-home-fall", to_ms(now() - timedelta(hours=1))))  # when it was there
        running.cancel()
    assert [ack.seqs for ack in acks] == [[1], [2], [3], [4]]
    with context.database.read() as session:
        (kept,) = session.query(QuarantinedMessage).all()
    assert "not there any more" in kept.detail


@pytest.mark.parametrize(
    ("position", "code", "expected"),
    [
        ("home-fall", NEW_EUI, {"topic": f"application/1/device/{NEW_EUI}/event/up"}),
        ("kiosk", "SN-0002", {"host": "127.0.0.1", "port": 1502, "unit": 3}),
    ],
)
async def test_where_the_place_tells_the_address_a_code_is_enough(
    context: Context, installer: Viewer, position: str, code: str, expected: dict[str, Any]
) -> None:
    if position == "home-fall":
        with context.database.write() as session:
            device = session.get_one(Device, "d-home-fall")
            device.address = {"topic": "application/1/device/24e124ffffff0001/event/up"}
    new = swap(context, installer, position, code=code)
    with context.database.read() as session:
        made = session.get_one(Device, new)
        old = session.get_one(Device, f"d-{position}")
    assert made.address == expected
    assert made.parameters == old.parameters
    assert made.serial == parse(code).id


async def test_what_is_refused_changes_nothing(context: Context, installer: Viewer, street: Database) -> None:
    carer = person(street, Role.CARER, "carer")
    with pytest.raises(ForbiddenError):
        swap_button(context, carer)
    with pytest.raises(InvalidError, match="address"):
        swap(context, installer, "home-sos", code="0x00124b0000000002")
    with pytest.raises(ConflictError, match="in service"):
        swap(context, installer, "home-sos", code="d-home-fall")
    with context.database.write() as session:
        session.add(
            CommissioningTest(
                position_id="home-sos",
                device_id="d-home-sos",
                started_at=now(),
                expires_at=now() + timedelta(minutes=2),
            )
        )
    with pytest.raises(ConflictError, match="running"):
        swap_button(context, installer)
    with pytest.raises(ConflictError, match="holds"), context.database.write() as session:
        hardware.install(
            session,
            installer,
            "home-sos",
            HardwareIn(code="x1", address={"topic": "a/b"}),
            catalogue=context.catalogue,
            now=now(),
        )
    with context.database.read() as session:
        assert session.get_one(Device, "d-home-sos").retired_at is None
        assert session.query(Attachment).filter(Attachment.until.is_not(None)).count() == 0
    assert count(context, Occurrence) == 0
