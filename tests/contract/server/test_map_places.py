"""The map: places one by one with their state, and from far away a number for each area."""

from collections.abc import Collection

import pytest
from sqlalchemy import update

from firmware_profiles import Catalogue
from server.db.database import Database
from server.db.models import Area, Gateway, Position, Resident, UnprotectedSpan, Well
from server.places import coarse
from server.places.views import Box, Place, gateways, places, spots
from server.users.roles import Role
from server.users.viewer import Viewer
from tests.contract.server.conftest import NOW
from tests.contract.server.test_alarm_record import press, record

MANAGER = Viewer(1, "m", Role.MANAGER)


@pytest.fixture
def town(street: Database) -> Database:
    """The street with coordinates: the home in the south, the well in the north of another area."""
    with street.write() as session:
        session.add(Area(id="north", parent_id=None, kind="grid", name="北"))
        session.flush()
        session.execute(update(Resident).values(latitude=31.1, longitude=121.1))
        session.execute(update(Well).values(latitude=31.9, longitude=121.9, area_id="north"))
        session.execute(update(Position).where(Position.id == "kiosk").values(latitude=31.5, longitude=121.5))
    return street


def seen(
    database: Database,
    catalogue: Catalogue,
    *,
    box: Box | None = None,
    subjects: Collection[tuple[str, str]] | None = None,
) -> dict[str, Place]:
    """By id."""
    with database.read() as session:
        at = spots(session, MANAGER, box=box, subjects=subjects)
        found = places(session, MANAGER, at, catalogue=catalogue, latest={}, now=NOW)
    return {place.id: place for place in found}


def test_a_home_is_one_place_however_many_sensors_it_has(town: Database, catalogue: Catalogue) -> None:
    found = seen(town, catalogue)
    assert {(place.kind, place.id) for place in found.values()} == {
        ("home", "r1"), ("well", "w1"), ("kiosk", "kiosk"),
    }  # fmt: skip
    assert (found["r1"].name, found["r1"].latitude) == ("王**", 31.1)
    assert {place.status for place in found.values()} == {"silent"}


def test_a_box_holds_what_lies_in_it(town: Database, catalogue: Catalogue) -> None:
    assert set(seen(town, catalogue, box=Box(31.0, 121.0, 31.6, 121.6))) == {"r1", "kiosk"}
    assert seen(town, catalogue, box=Box(0.0, 0.0, 1.0, 1.0)) == {}


def test_a_place_with_an_open_task_is_in_alarm(town: Database, catalogue: Catalogue) -> None:
    record(town, press(1))
    found = seen(town, catalogue, subjects=[("resident", "r1")])
    assert {key: place.status for key, place in found.items()} == {"r1": "alarm"}
    assert seen(town, catalogue, subjects=[]) == {}


def test_a_gateway_stands_where_positions_have_places_of_their_own(town: Database) -> None:
    with town.read() as session:
        (gateway,) = gateways(session, MANAGER)
        assert gateways(session, MANAGER, box=Box(0.0, 0.0, 1.0, 1.0)) == []
        assert session.get_one(Gateway, gateway.id).id == "gw-1"
    assert gateway.latitude > 31.5


def test_from_far_away_there_is_a_number_for_each_area(
    town: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with town.write() as session:
        for cause, thing in (("silent", "home-sos"), ("retest", "home-sos"), ("silent", "home-fall")):
            session.add(
                UnprotectedSpan(
                    resident_id="r1", cause=cause, thing_kind="position", thing_id=thing, since=NOW
                )
            )
    with town.read() as session:
        north, south = sorted(coarse.totals(session), key=lambda total: -total.at[0])
        for most, everywhere, there in ((0, True, True), (1, True, False), (2, False, False)):
            monkeypatch.setattr(coarse, "MOST", most)
            assert coarse.too_many(session) is everywhere
            assert coarse.too_many(session, Box(31.0, 121.0, 31.6, 121.6)) is there
    assert (north.name, north.places, north.silent, north.unprotected) == ("北", 1, 0, 0)
    assert (south.places, south.silent, south.unprotected) == (1, 1, 0)
    assert south.south_west == south.north_east == (31.1, 121.1)


def test_a_home_with_another_gap_is_unprotected_but_not_silent(town: Database) -> None:
    with town.write() as session:
        session.add(
            UnprotectedSpan(
                resident_id="r1", cause="retest", thing_kind="position", thing_id="home-sos", since=NOW
            )
        )
    with town.read() as session:
        (total,) = coarse.totals(session, Box(31.0, 121.0, 31.6, 121.6))
    assert (total.silent, total.unprotected) == (0, 1)
