"""24 hours of a subdistrict with an accelerated clock: every emergency is answered or told to its chain's
end, and the figures' sums are those of the simulation's own log.

The sensors' messages are decoded by real profiles and judged by real gateways' rules, alarms come in through
the server's own door, its loops and sweeps run over PostgreSQL, and people answer, or don't. Only the clock,
the uplink, the carrier of messages and the people are fake.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_profiles import Catalogue, load_catalogue
from server.db.database import Database
from server.db.migrate import upgrade
from tests.parts.seals import SEALS
from tests.soak.day import opened
from tests.soak.happenings import Rates
from tests.soak.loops import Periods
from tests.soak.world import Size


@pytest.fixture
def catalogue() -> Catalogue:
    """The packaged profiles."""
    return load_catalogue()


@pytest.fixture
def database(pg_url: str) -> Iterator[Database]:
    """An empty, migrated database."""
    database = Database(pg_url, seals=SEALS)
    upgrade(database)
    yield database
    database.dispose()


async def _day(
    database: Database, catalogue: Catalogue, folder: Path, size: Size, rates: Rates, periods: Periods
) -> None:
    async with opened(database, catalogue, folder, size=size, rates=rates, periods=periods) as day:
        table = await day.run()
    width = max(map(len, table))
    print("", *(f"{name:{width}}  {value}" for name, value in table.items()), sep="\n")  # noqa: T201 - its output
    assert not day.failures, "\n".join(day.failures)


@pytest.mark.soak
async def test_a_day_of_a_neighbourhood(database: Database, catalogue: Catalogue, tmp_path: Path) -> None:
    size = Size(homes=200, covers=20, kiosks=2)
    rates = Rates(
        presses=6,
        rush=12,
        falls=4,
        openings=4,
        waters=2,
        fevers=4,
        batteries=2,
        deaths=1,
        line_cuts=2,
        storm=1,
    )
    periods = Periods(gateways=300, audit=600, coverage=1_000, wells=1_800, states=1_200, short=1_200)
    await _day(database, catalogue, tmp_path, size, rates, periods)


@pytest.mark.soak
async def test_a_day_of_the_whole_subdistrict(
    database: Database, catalogue: Catalogue, tmp_path: Path
) -> None:
    size = Size(homes=10_000, covers=1_000, kiosks=50)
    rates = Rates(
        presses=100, rush=30, falls=30, openings=40, waters=15, fevers=100, batteries=30, deaths=20,
        line_cuts=24, storm=10,
    )  # fmt: skip
    periods = Periods(gateways=30, audit=120, coverage=1_000, wells=900, states=1_200, short=60)
    await _day(database, catalogue, tmp_path, size, rates, periods)
