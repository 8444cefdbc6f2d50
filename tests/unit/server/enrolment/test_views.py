"""Where a gateway stands, by its row and the time."""

from datetime import UTC, datetime, timedelta

import pytest

from server.db.models import GatewayCredential
from server.enrolment.views import EnrolmentState, state_of

ISSUED = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "revoked", "state"),
    [
        (0, False, EnrolmentState.ENROLLED),
        (61, False, EnrolmentState.ENROLLED),
        (75, False, EnrolmentState.OVERDUE),
        (90, False, EnrolmentState.EXPIRED),
        (0, True, EnrolmentState.REVOKED),
        (400, True, EnrolmentState.REVOKED),
    ],
)
def test_a_state_follows_from_the_time(days: int, revoked: bool, state: EnrolmentState) -> None:
    row = GatewayCredential(
        gateway_id="gw-1",
        issued_at=ISSUED,
        expires_at=ISSUED + timedelta(days=90),
        revoked_at=ISSUED if revoked else None,
    )
    assert state_of(row, now=ISSUED + timedelta(days=days)) is state


def test_one_that_never_enrolled_says_so() -> None:
    assert state_of(None, now=ISSUED) is EnrolmentState.NEVER
