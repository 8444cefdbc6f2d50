"""The demo's roster: nobody who looks at it finds a gap, at its start or after weeks."""

from datetime import UTC, datetime, timedelta

import pytest

from server.db.database import Database
from server.rosters import weeks
from server.rosters.core import LOCAL
from server.rosters.duty import on_duty
from server.users.roles import Role
from sunwell.demo import people, roster
from tests.contract.server.conftest import person

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
BY_DAY = datetime(2026, 3, 4, 2, 30, tzinfo=UTC)
"""A Wednesday, half past ten in the morning there."""
WEEK = timedelta(weeks=1)


@pytest.mark.parametrize(
    ("begin", "starts"),
    [(BY_DAY, (0, 1, 3, 9)), (BY_DAY + timedelta(hours=12), (0,))],
    ids=["by day, again after weeks", "by night"],
)
def test_no_page_of_the_roster_is_red_and_each_start_adds_what_is_due(
    database: Database, begin: datetime, starts: tuple[int, ...]
) -> None:
    writer = person(database, Role.MANAGER, "manager")
    for role, colleague in people.COLLEAGUES.items():
        for login, _ in (people.PEOPLE[role], colleague):
            person(database, role, login)
    with database.read() as session:
        assert weeks.ahead(session, now=begin)
    for start in (begin + number * WEEK for number in starts):
        roster.settle(database, writer, now=start)
        with database.read() as session:
            for later in (start, start + WEEK):
                assert not weeks.ahead(session, now=later), start
            shown = weeks.week(session, start.astimezone(LOCAL).date())
            assert start == begin + 9 * WEEK or not [
                gap for day in shown for line in day.lines for gap in line.gaps
            ]
            own = [user.login for role in people.COLLEAGUES for user in on_duty(session, role, (), (), start)]
            assert own == ["carer", "dispatcher"]
            doubled = [len(line.shifts) for day in shown for line in day.lines if len(line.shifts) > 3]
            assert not doubled
