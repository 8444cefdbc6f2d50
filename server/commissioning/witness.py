"""What is seen while a test runs: occurrences that are the test's and raise nothing, readings that show it.

An occurrence is the test's only if all of this holds: it comes from the tested device at its position, it is
about the point that the test is about and has a value that counts, and it happened after the test began, by
the device's clock and by the gateway's. Everything else is an alarm as ever: an older press that arrives
meanwhile, another rule of the same device, another device in the same home.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from firmware_profiles.values import Scalar
from gateway.wire import AlarmMessage
from server.commissioning import repository, trial
from server.db.database import Change, announce
from server.db.models import CommissioningTest

KIND: Final = "commissioning"
CLOCKS: Final = timedelta(seconds=10)
"""How far clocks may stand apart and a press still count as after the test's beginning. Wider would let an
older press pass as a test; a test whose clocks are further apart raises an alarm, which is seen."""
SIGN: Final = timedelta(minutes=5)
"""How long there is to sign after the first press was seen: a tick, a photo, a tap. Whatever is held back is
held back no longer than this and the profile's own time for the press."""


def claim(
    session: Session,
    message: AlarmMessage,
    *,
    device_at: datetime,
    gateway_at: datetime,
    trusted: bool,
    now: datetime,
) -> int | None:
    """The number of the test that this occurrence is held for; None where it is nobody's test."""
    test = repository.running(session, position_id=message.position, device_id=message.device, lock=True)
    if test is None or test.expires_at <= now or message.point is None:
        return None
    if message.point != trial.whole(test.trial)["point"] or not trial.counts(test.trial, message.value):
        return None
    earliest = test.started_at - CLOCKS
    if not trusted or device_at < earliest or gateway_at < earliest:
        return None
    _see(session, test, value=message.value, via="occurrence", at=device_at, now=now)
    return test.id


def read(
    session: Session,
    test: CommissioningTest,
    *,
    values: dict[str, Scalar],
    at: datetime,
    now: datetime,
) -> None:
    """Takes a good reading of the tested device: its battery and signal, and whether it shows the test."""
    if at < test.started_at - CLOCKS or test.ended_at is not None or test.expires_at <= now:
        return
    watched = trial.watched(test.trial, values)
    if watched and {**test.measured, **watched} != test.measured:
        test.measured = {**test.measured, **watched}
        announce(session, Change(KIND, str(test.id), "measured"))
    value = trial.news(test.trial, values)
    if value is None or test.seen_at is not None:
        return
    if not trial.counts(test.trial, value):
        test.armed = True
    elif test.armed:
        _see(session, test, value=value, via="reading", at=at, now=now)


def _see(
    session: Session, test: CommissioningTest, *, value: Any, via: str, at: datetime, now: datetime
) -> None:
    if test.seen_at is None:
        test.seen_at = now
        test.pressed_at = at
        test.seen = {"via": via, "point": trial.whole(test.trial)["point"], "value": value}
        test.expires_at = now + SIGN
    announce(session, Change(KIND, str(test.id), "seen"))
