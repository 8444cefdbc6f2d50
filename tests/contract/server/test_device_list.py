"""The list of devices is chosen, sorted and counted by the database, a page at a time."""

import itertools

import pytest
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue
from server.db.database import Database
from server.db.models import Area, Attachment, Device, Position, Resident
from server.devices import repository, search
from server.devices.search import Wanted
from tests.contract.server.conftest import NOW

HOMES = 60
"""Of four devices each, in three areas: more than two pages."""


@pytest.fixture
def town(street: Database) -> Database:
    """The street, and a town beside it."""
    with street.write() as session:
        for name in ("丙区", "甲区", "乙区"):
            session.add(Area(id=f"t-{name}", parent_id=None, kind="grid", name=name))
        session.flush()
        for home in range(HOMES):
            _add_home(session, home, area_id=f"t-{('丙区', '甲区', '乙区')[home % 3]}")
    return street


def _add_home(session: Session, home: int, *, area_id: str) -> None:
    resident = Resident(id=f"t{home}", area_id=area_id, name=f"陈_{home}", address="", access="")
    session.add(resident)
    session.flush()
    for kind in ("button", "door", "fall", "kitchen"):
        key = f"t{home}-{kind}"
        profile = "milesight-vs373" if kind == "fall" else "owon-pb206"
        session.add(Position(id=key, area_id=area_id, name=kind, resident_id=resident.id, created_at=NOW))
        session.add(
            Device(
                id=f"d-{key}", gateway_id="gw-1", profile=profile, driver="mqtt", address={}, parameters={},
                serial="", firmware="", created_at=NOW,
            )
        )  # fmt: skip
        session.flush()
        session.add(Attachment(position_id=key, device_id=f"d-{key}", since=NOW))


def test_the_pages_together_are_all_devices_once_in_one_order(town: Database, catalogue: Catalogue) -> None:
    with town.read() as session:
        pages = [search.window(session, catalogue, Wanted(), page=number) for number in range(3)]
        everything = {row[1].id for row in repository.attached(session)}
    seen = [row[1] for page in pages for row in page.rows]
    assert [len(page.rows) for page in pages[:2]] == [search.AT_ONCE] * 2
    assert len(seen) == len(everything) == pages[0].matching
    assert {position.id for position in seen} == everything
    areas = [position.area_id for position in seen]
    assert len(list(dict.fromkeys(areas))) == sum(a != b for a, b in itertools.pairwise(areas)) + 1


def test_a_page_that_is_not_there_is_the_last_one(town: Database, catalogue: Catalogue) -> None:
    with town.read() as session:
        last = search.window(session, catalogue, Wanted(), page=99)
        none = search.window(session, catalogue, Wanted(q="nowhere"), page=3)
    assert (last.page, bool(last.rows)) == (2, True)
    assert (none.page, none.rows, none.matching) == (0, (), 0)
    assert none.total == last.total == last.matching


@pytest.mark.parametrize(
    ("wanted", "number"),
    [
        (Wanted(q="陈**"), HOMES * 4),
        (Wanted(q="陈_"), 0),  # no more than the initial is known here
        (Wanted(q="%"), 0),
        (Wanted(q="甲区 KITCHEN"), HOMES // 3),
        (Wanted(q="t7-door"), 1),
        (Wanted(q="milesight 乙区"), HOMES // 3),
        (Wanted(family="fall"), HOMES + 1),
        (Wanted(q="第一网格", family="fall"), 1),
    ],
    ids=lambda value: value.q or value.family if isinstance(value, Wanted) else str(value),
)
def test_every_word_has_to_be_somewhere(
    town: Database, catalogue: Catalogue, wanted: Wanted, number: int
) -> None:
    with town.read() as session:
        assert search.window(session, catalogue, wanted, page=0).matching == number
        assert len(search.keys(session, catalogue, wanted)) == number


def test_the_api_pages_on_after_a_position(town: Database) -> None:
    with town.read() as session:
        everything = [row[1].id for row in repository.attached(session)]
        first = [row[1].id for row in repository.attached(session, limit=7)]
        second = [row[1].id for row in repository.attached(session, after=first[-1], limit=7)]
    assert first + second == everything[:14]
