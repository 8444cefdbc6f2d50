"""Running a commissioning test: start, sign off, end, expire.

While a test runs, what it claims is held back from becoming an alarm (see `witness`). A person who signs, or
ends the test with "these were mine", makes it a test's for good. In every other case (nobody signs in time,
somebody says that it was a real call) it becomes an alarm at once. A condition that still stands some minutes
after the signature (a cover left open) becomes one too.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final, Literal

import yaml
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue, Profile
from firmware_profiles.values import Scalar
from server.alarms import repository as alarm_records
from server.alarms import service as alarms
from server.audit import service as audit
from server.commissioning import repository, trial
from server.commissioning.witness import KIND
from server.db.database import Change, announce
from server.db.models import CommissioningTest, Device, Occurrence, Position
from server.devices import repository as devices
from server.errors import ConflictError, InvalidError, NotFoundError
from server.residents import consents
from server.supervision import apart
from server.users.roles import Right
from server.users.viewer import Viewer

SETTLE: Final = timedelta(minutes=10)
"""How long after the signature a condition that was tested may still stand. Some devices take back a call
only with their next report; the slowest button's press ends within this."""
Consent = Literal["given", "not_needed"]
LONGEST_NOTE: Final = 500
CONSENT_NOTE: Final = "installation"
"""Where the consent comes from; the pages have words for it."""


def start(
    session: Session,
    viewer: Viewer,
    position_id: str,
    *,
    catalogue: Catalogue,
    newest: Mapping[str, Scalar],
    now: datetime,
) -> CommissioningTest:
    """Begins a test of the device that is at the position now; the one that runs already is given back.
    `newest` are the position's newest values: a state that stands at what the test wants must change first.

    Raises NotFoundError; ConflictError where nothing is installed there, or an alarm is open: help first.
    """
    viewer.require(Right.REGISTER)
    position = session.get(Position, position_id, with_for_update=True)
    if position is None:
        raise NotFoundError(f"there is no position {position_id!r}")
    attached = devices.attachment_at(session, position_id=position_id)
    if attached is None:
        raise ConflictError(f"nothing is installed at position {position_id!r}: choose a device first")
    before = repository.running(session, position_id=position_id, lock=True)
    if before is not None and before.expires_at > now and before.device_id == attached.device_id:
        return before
    if before is not None:
        _end(session, before, "expired", user_id=None, now=now, release=True)
    if repository.has_open_alarm(session, position_id):
        raise ConflictError("an alarm is open at this position: work on its task first, then test")
    profile = _profile(session, attached.device_id, catalogue)
    asked = trial.trial_of(profile)
    test = CommissioningTest(
        position_id=position_id,
        device_id=attached.device_id,
        trial=asked,
        armed=not (asked["change"] and trial.counts(asked, newest.get(asked["point"]))),
        started_at=now,
        started_by=viewer.user_id,
        expires_at=now + trial.within(asked),
    )
    session.add(test)
    session.flush()
    audit.write(
        session,
        viewer,
        action="test_start",
        subject=("position", position_id),
        now=now,
        test=test.id,
        device=test.device_id,
    )
    announce(session, Change(KIND, str(test.id), "started"))
    return test


def sign_off(
    session: Session,
    viewer: Viewer,
    test_id: int,
    *,
    consent: Consent | None,
    note: str = "",
    retest_days: Mapping[str, int],
    catalogue: Catalogue,
    now: datetime,
) -> CommissioningTest:
    """Signs for a test that was seen: from now on the position counts as protecting, until its due date.

    Raises NotFoundError; ConflictError where the test is over or nothing was seen yet; InvalidError without
    the resident's consent, at a home.
    """
    viewer.require(Right.REGISTER)
    test = _running(session, test_id, now=now)
    if test.seen_at is None:
        raise ConflictError("nothing has arrived yet: press the button, and wait until it is seen here")
    position = session.get_one(Position, test.position_id)
    if consent is None or (position.resident_id is not None and consent != "given"):
        raise InvalidError(
            "the resident's consent has to be noted; without it, take the device away", where="consent"
        )
    if len(note) > LONGEST_NOTE:
        raise InvalidError(f"the note has {len(note)} characters: at most {LONGEST_NOTE}", where="note")
    profile = _profile(session, test.device_id, catalogue)
    if consent == "given" and position.resident_id is not None:
        consents.note_given(
            session, position.resident_id, "care", by=viewer.user_id, note=CONSENT_NOTE, now=now
        )
    test.consent = consent
    test.note = note.strip()
    test.due_at = now + timedelta(days=trial.days_of(profile.family, retest_days, retest_table()))
    _end(session, test, repository.SIGNED, user_id=viewer.user_id, now=now, release=False)
    audit.write(
        session,
        viewer,
        action="test_signed",
        subject=("position", test.position_id),
        now=now,
        test=test.id,
        device=test.device_id,
        consent=consent,
        photo=test.photo is not None,
    )
    repository.supersede(session, test)
    announce(session, Change("position", test.position_id, "protecting"))
    return test


def end(session: Session, viewer: Viewer, test_id: int, *, mine: bool, now: datetime) -> CommissioningTest:
    """Ends a test without a signature. `mine` says that every press was the tester's own; otherwise what was
    held back becomes an alarm at once. Raises NotFoundError, ConflictError where it is over."""
    viewer.require(Right.REGISTER)
    test = _running(session, test_id, now=now)
    _end(session, test, "cancelled" if mine else "raised", user_id=viewer.user_id, now=now, release=not mine)
    audit.write(
        session,
        viewer,
        action="test_cancelled" if mine else "test_raised",
        subject=("position", test.position_id),
        now=now,
        test=test.id,
        device=test.device_id,
    )
    return test


def needs_sweep(session: Session, *, now: datetime) -> bool:
    """Whether `sweep` would find anything: asked first, so that nobody waits for a writer for nothing."""
    return bool(repository.unsettled(session, expired=now, ended=now - SETTLE, limit=1))


def sweep(session: Session, *, now: datetime) -> int:
    """Ends tests whose time is over and settles ended ones; says how many occurrences became alarms. Cheap,
    to be called every few seconds; several servers may."""
    raised = 0
    for test_id in repository.unsettled(session, expired=now, ended=now - SETTLE):
        with apart(session, "test_not_settled", test=test_id):
            raised += _settle(session, session.get_one(CommissioningTest, test_id, with_for_update=True), now)
    return raised


def _settle(session: Session, test: CommissioningTest, now: datetime) -> int:
    if test.settled or (test.ended_at is None and test.expires_at > now):
        return 0
    if test.ended_at is None:
        return _end(session, test, "expired", user_id=None, now=now, release=True)
    standing = [one for one in repository.held(session, test.id) if stands(session, one)]
    raised = _release(session, standing, now=now)
    test.settled = True
    return raised


def stands(session: Session, occurrence: Occurrence) -> bool:
    """Whether an occurrence is of a condition that has not ended yet."""
    return bool(occurrence.value.get("ends")) and alarm_records.end_of(session, occurrence.breach) is None


@cache
def retest_table() -> Mapping[str, int]:
    """Days until the next test, by family."""
    table: dict[str, int] = yaml.safe_load(
        Path(__file__).with_name("retest.yaml").read_text(encoding="utf-8")
    )
    return table


def found(session: Session, test_id: int) -> CommissioningTest:
    """The test. Raises NotFoundError."""
    test = session.get(CommissioningTest, test_id)
    if test is None:
        raise NotFoundError(f"there is no test {test_id}")
    return test


def _running(session: Session, test_id: int, *, now: datetime) -> CommissioningTest:
    test = session.get(CommissioningTest, test_id, with_for_update=True)
    if test is None:
        raise NotFoundError(f"there is no test {test_id}")
    if test.ended_at is not None or test.expires_at <= now:
        raise ConflictError("this test is over: start a new one", state=test.ended or "expired")
    return test


def _end(
    session: Session,
    test: CommissioningTest,
    how: str,
    *,
    user_id: int | None,
    now: datetime,
    release: bool,
) -> int:
    test.ended_at = now
    test.ended = how
    test.ended_by = user_id
    test.settled = release
    session.flush()
    announce(session, Change(KIND, str(test.id), how))
    return _release(session, repository.held(session, test.id), now=now) if release else 0


def _release(session: Session, held: Sequence[Occurrence], *, now: datetime) -> int:
    for occurrence in held:
        alarms.raise_held(session, occurrence, now=now)
    return len(held)


def _profile(session: Session, device_id: str, catalogue: Catalogue) -> Profile:
    device = session.get_one(Device, device_id)
    profile = catalogue.get(device.profile)
    if profile is None:
        raise ConflictError(f"the profile {device.profile!r} of device {device_id!r} is not known here")
    return profile
