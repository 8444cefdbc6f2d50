"""Rising water: foreseen, told once, over when it falls; and the installed angle after a test."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from firmware_profiles import Catalogue
from server.alarms.texts import RuleTexts
from server.commissioning.repository import SIGNED
from server.context import Context
from server.db.database import Database
from server.db.models import (
    Alarm,
    AuditEntry,
    CommissioningTest,
    Device,
    Occurrence,
    Position,
    Task,
    WellEntry,
    WellUpstream,
)
from server.devices.views import Latest
from server.errors import ForbiddenError, InvalidError, StoreUnavailableError
from server.gateways import desired
from server.live.bus import Bus
from server.settings import ServerSettings
from server.timeseries.sqlite import SqliteStore
from server.timeseries.store import LatestValue, Point
from server.users.reach import within
from server.users.roles import Role
from server.users.viewer import Viewer
from server.wells import baseline
from server.wells.newest import newest
from server.wells.watch import Watch
from tests.contract.server.conftest import NOW, viewer_of
from tests.contract.server.covers import lay_wells, open_cover


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


class Wells:
    """Wells with levels in a store, and one watch over them."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.watch = Watch(context)

    async def say(self, minutes: float, position: str = "w1-cover", **fields: float) -> None:
        point = Point(
            family="well",
            area="area",
            position=position,
            device="d",
            gateway="gw-1",
            time_ms=round(at(minutes).timestamp() * 1000),
            fields=dict(fields),
        )
        await self.context.store.write([point])

    async def look(self, minutes: float) -> None:
        await self.watch.look(at(minutes))

    def alarms(self) -> list[tuple[str, str, str]]:
        """Open ones: rule, source, severity."""
        with self.context.database.read() as session:
            query = select(Alarm).where(Alarm.cleared_at.is_(None)).order_by(Alarm.rule, Alarm.source_id)
            return [(alarm.rule, alarm.source_id, alarm.severity) for alarm in session.scalars(query)]


@pytest.fixture
async def wells(staffed: Database, catalogue: Catalogue, tmp_path: Path) -> AsyncIterator[Wells]:
    lay_wells(staffed, 2)
    with staffed.write() as session:
        session.add(WellUpstream(well_id="w2", upstream_id="w1"))

    store = SqliteStore(tmp_path / "readings.db")
    bus = Bus(asyncio.get_running_loop())
    context = Context(
        settings=ServerSettings(data=tmp_path),
        database=staffed,
        store=store,
        catalogue=catalogue,
        texts=RuleTexts(()),
        bus=bus,
    )
    yield Wells(context)
    bus.close()
    await store.close()


async def test_a_fast_rise_warns_here_and_at_the_next_well_down_and_ends_when_it_falls(wells: Wells) -> None:
    for minute in range(5):
        await wells.say(minute, water_level=300 + 50 * minute)
    await wells.say(4, "w2-cover", water_level=200)
    await wells.look(4)
    assert wells.alarms() == [("water_rising", "w1-cover", "major"), ("water_upstream", "w2", "minor")]
    with wells.context.database.read() as session:
        values = {row.rule: row.value for row in session.scalars(select(Occurrence))}
        assert session.scalars(select(Task.subject_id).order_by(Task.id)).all() == ["w1", "w2"]
    assert values["water_rising"]["minutes"] == 30  # 1500 mm at 5 cm/min to 80 % of 2.5 m
    assert values["water_upstream"]["value"] == "w1 +50 cm / 10 min, 0.50 m"
    for minute in range(5, 20):
        await wells.say(minute, water_level=500 - 20 * (minute - 4))
        await wells.look(minute)
    assert wells.alarms() == []
    with wells.context.database.read() as session:
        assert len(session.scalars(select(Occurrence)).all()) == 2  # told once


async def test_only_what_is_in_wells_is_read(wells: Wells, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the watch, and for one well it and the next one up; also where whoever asks sees no more than their
    area: the air of the well that they go into is not out of sight."""
    await wells.say(1, water_level=300)
    await wells.say(1, "w2-cover", water_level=200)
    await wells.say(1, "home-fall", battery=80)
    with wells.context.database.read() as session:
        wells_positions = set(session.scalars(select(Position.id).where(Position.well_id.is_not(None))))
    asked: list[set[str]] = []
    known = wells.context.store.latest

    async def latest(families: Any, *, since: datetime, positions: Any = None) -> Latest:
        asked.append(set(positions))
        return await known(families, since=since, positions=positions)

    monkeypatch.setattr(wells.context.store, "latest", latest)
    await wells.look(2)
    assert asked == [wells_positions]
    assert "home-fall" not in wells_positions
    elsewhere = Viewer(user_id=99, name="", role=Role.MANAGER, area_ids=frozenset({"elsewhere"}))
    theirs = replace(wells.context, database=within(wells.context.database, elsewhere))
    assert set(await newest(theirs, now=at(2))) == {"w1-cover", "w2-cover"}
    for key in ("w1", "w2"):  # each with the next one up or down
        assert set(await newest(theirs, well_ids=[key], now=at(2))) == {"w1-cover", "w2-cover"}
    assert not await newest(theirs, well_ids=["elsewhere"], now=at(2))


async def test_a_slow_rise_grows_worse_once_when_it_will_soon_be_too_high(wells: Wells) -> None:
    severities: list[str] = []
    for minute in range(27):
        await wells.say(minute, water_level=31 * minute)
        await wells.look(minute)
        severities += [severity for rule, _, severity in wells.alarms() if rule == "water_rising"][:1]
    assert severities == sorted(severities, reverse=True)
    assert set(severities) == {"minor", "major"}
    with wells.context.database.read() as session:
        told = session.scalars(select(Occurrence).where(Occurrence.rule == "water_rising")).all()
        assert len(told) == 2
        assert session.scalars(select(Task.severity).where(Task.subject_id == "w1")).one() == "major"


async def test_two_servers_raise_one_alarm(wells: Wells) -> None:
    for minute in range(5):
        await wells.say(minute, water_level=300 + 50 * minute)
    await wells.look(4)
    await Watch(wells.context).look(at(4))
    with wells.context.database.read() as session:
        assert len(session.scalars(select(Occurrence)).all()) == 2


async def test_what_a_gateway_raised_is_neither_doubled_nor_ended(wells: Wells) -> None:
    open_cover(wells.context.database, 1, rule="water_rising", point="water_level", value=500, at=at(3))
    for minute in range(5):
        await wells.say(minute, water_level=300 + 50 * minute)
    await wells.look(4)
    with wells.context.database.read() as session:
        own = session.scalars(select(Occurrence).where(Occurrence.rule == "water_rising")).all()
    assert [one.gateway_id for one in own] == ["gw-1"]
    for minute in range(5, 20):
        await wells.say(minute, water_level=500 - 20 * (minute - 4))
        await wells.look(minute)
    assert [rule for rule, _, _ in wells.alarms()] == ["water_rising"]


async def test_old_levels_say_nothing(wells: Wells) -> None:
    for minute in range(5):
        await wells.say(minute, water_level=300 + 50 * minute)
    await wells.look(40)
    assert wells.alarms() == []


async def test_the_installed_angle_is_taken_once_the_cover_lies_still(
    wells: Wells, catalogue: Catalogue
) -> None:
    database = wells.context.database
    with database.write() as session:
        session.add(
            CommissioningTest(
                position_id="w1-cover",
                device_id="d-w1",
                started_at=at(0),
                expires_at=at(5),
                ended_at=at(2),
                ended=SIGNED,
                settled=True,
            )
        )
    await wells.say(1, tilt=30, cover_open=1)  # the test itself
    await wells.say(3, tilt=14, cover_open=0)
    await wells.look(3)
    assert parameters(database) == {"mount_height": 2500.0}
    await wells.say(4, tilt=13, cover_open=0)
    await wells.look(4.1)
    assert parameters(database) == {"mount_height": 2500.0, "baseline": 13.5}
    await wells.say(5, tilt=20, cover_open=0)
    await wells.say(6, tilt=20, cover_open=0)
    await wells.look(6.1)
    assert parameters(database)["baseline"] == 13.5  # measured once for a test
    with database.read() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == baseline.ACTION)).one()
        device = session.get_one(Device, "d-w1")
        rules = desired.rules_of(catalogue[device.profile], "w1-cover", device.parameters)
    assert (entry.user_id, entry.detail["baseline"]) == (None, 13.5)
    assert [rule.when.around for rule in rules if rule.id == "cover_tilted"] == [13.5]  # type: ignore[union-attr]


def parameters(database: Database) -> dict[str, Any]:
    with database.read() as session:
        return session.get_one(Device, "d-w1").parameters


def test_a_person_renews_it_only_for_a_cover_that_lies_right(staffed: Database, catalogue: Catalogue) -> None:
    lay_wells(staffed)
    zhao, li = viewer_of(staffed, "zhao"), viewer_of(staffed, "li")
    seen: Latest = {"w1-cover": [LatestValue("tilt", NOW, 17.0)]}

    def renew(who: Any, newest: Latest, *, seated: bool = True) -> dict[str, float]:
        with staffed.write() as session:
            return baseline.renew(
                session,
                who,
                "w1-cover",
                seated=seated,
                newest=newest.get("w1-cover", ()),
                catalogue=catalogue,
                now=NOW,
            )

    with pytest.raises(InvalidError, match="look at the cover"):
        renew(zhao, seen, seated=False)
    with pytest.raises(InvalidError, match="no angle yet"):
        renew(zhao, {})
    with pytest.raises(InvalidError, match="95 degrees"):
        renew(zhao, {"w1-cover": [LatestValue("tilt", NOW, 95.0)]})
    with pytest.raises(ForbiddenError):
        renew(li, seen)
    assert renew(zhao, seen) == {"baseline": 17.0}


async def test_an_overdue_check_of_the_air_is_told_while_the_time_series_store_is_down(
    wells: Wells, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = wells.context.database
    task_id = open_cover(database, 1)
    with database.write() as session:
        session.add(
            WellEntry(task_id=task_id, well_id="w1", crew=2, started_at=at(0), air={}, check_due_at=at(30))
        )

    async def down(*_args: object, **_facts: object) -> Latest:
        raise StoreUnavailableError("down")

    monkeypatch.setattr(wells.context.store, "latest", down)
    await wells.look(31)
    assert ("air_check_overdue", "w1", "critical") in wells.alarms()
