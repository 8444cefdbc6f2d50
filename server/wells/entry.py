"""Going down into a well: only into good air, counted, watched, and out again before the task can end."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.rules.model import Severity
from server.alarms.texts import AIR_CHECK_OVERDUE, LEAVE_THE_WELL
from server.db.models import Alarm, Position, Task, Well, WellEntry
from server.devices.views import Latest
from server.errors import ConflictError, ForbiddenError, InvalidError
from server.policies import service as policies
from server.supervision import apart
from server.tasks import repository
from server.tasks.states import TaskState
from server.users.roles import Right
from server.users.viewer import Viewer
from server.wells import gates, raising
from server.wells.core import AirFault, AirReading, AirWhy, judge_air, worst
from server.wells.informing import CREW_IN_DANGER
from server.wells.policy import WellPolicy
from server.wells.timeline import AIR_CHECKED, ENTERED, LEFT, note

_OUT_OF_RANGE: Final = frozenset({AirWhy.LOW, AirWhy.HIGH})


class HandHeldIn(BaseModel):
    """What a crew read off its own instrument, just now: the values by point of the policy's air."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    instrument: Annotated[str, Field(max_length=60)] = ""
    values: dict[str, Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]] = {}


class EnterIn(HandHeldIn):
    """How many go down, and who stays above."""

    crew: Annotated[int, Field(ge=1, le=20)]
    guard: Annotated[str, Field(max_length=60)]


def air_of(
    session: Session,
    well_id: str,
    latest: Latest,
    by_hand: HandHeldIn | None,
    policy: WellPolicy,
    *,
    now: datetime,
) -> dict[str, AirReading]:
    """The reading that counts of each quantity: of the well's sensors and of the crew's own instrument."""
    positions = session.scalars(select(Position.id).where(Position.well_id == well_id)).all()
    found: dict[str, list[AirReading]] = {}
    for position_id in positions:
        for one in latest.get(position_id, ()):
            if not one.is_status and isinstance(one.value, float | int):
                reading = AirReading(value=one.value, at=one.time, by=position_id)
                found.setdefault(one.field, []).append(reading)
    if by_hand is not None:
        for point, value in by_hand.values.items():
            found.setdefault(point, []).append(AirReading(value=value, at=now, by=by_hand.instrument))
    fresh = timedelta(minutes=policy.air_fresh_min)
    counts = {
        limit.point: worst(found.get(limit.point, ()), limit, fresh=fresh, now=now) for limit in policy.air
    }
    return {point: reading for point, reading in counts.items() if reading is not None}


def faults_of(air: Mapping[str, AirReading], policy: WellPolicy, *, now: datetime) -> list[AirFault]:
    """All that keeps people out of this air."""
    return judge_air(policy.air, air, fresh=timedelta(minutes=policy.air_fresh_min), now=now)


def enter(
    session: Session, viewer: Viewer, task_id: int, given: EnterIn, *, latest: Latest, now: datetime
) -> WellEntry:
    """People go down. Raises ConflictError where the air is not known to be good (it says why), nobody has
    arrived, an alarm of the air is open or somebody is below already; InvalidError without a guard or the
    instrument's name; ForbiddenError where the task is somebody else's."""
    task, well = _held(session, viewer, task_id)
    if task.state != TaskState.ON_SITE:
        raise ConflictError("arrive first: say that you are on site, then go down", say="wells.enter.arrive")
    if not given.guard:
        raise InvalidError("who stays above? Nobody goes down without a guard", where="guard")
    _check_instrument(given)
    if session.scalar(select(WellEntry.id).where(WellEntry.well_id == well.id, WellEntry.ended_at.is_(None))):
        raise ConflictError("somebody is in this well already", say="wells.enter.twice")
    if any(alarm.severity == Severity.CRITICAL for alarm in _open_alarms(session, task.id)):
        raise ConflictError(
            "a critical alarm is open at this well: nobody goes down before it is over",
            say="wells.enter.alarm",
        )
    policy = policies.current(session, WellPolicy)
    air = air_of(session, well.id, latest, given, policy, now=now)
    if faults := faults_of(air, policy, now=now):
        raise _bad_air(faults)
    entry = WellEntry(
        task_id=task.id,
        well_id=well.id,
        crew=given.crew,
        started_at=now,
        started_by=viewer.user_id,
        air=_kept(air),
        check_due_at=now + timedelta(minutes=policy.air_check_min),
    )
    session.add(entry)
    detail = {"crew": given.crew, "air": _kept(air), "instrument": given.instrument, "note": given.guard}
    note(session, task, ENTERED, now=now, actor_id=viewer.user_id, **detail)
    return entry


def recheck(
    session: Session, viewer: Viewer, task_id: int, given: HandHeldIn, *, latest: Latest, now: datetime
) -> list[AirFault]:
    """The air was read again while somebody is below. Good air gives the next interval; bad air raises the
    alarm at once, and what is bad is given back: nothing is refused then.

    Raises ConflictError where nobody is below, InvalidError where a reading is missing or old.
    """
    viewer.require(Right.WORK_TASKS)
    task = repository.seen_by(session, viewer, task_id, lock=True)
    entry = _below(session, task)
    _check_instrument(given)
    policy = policies.current(session, WellPolicy)
    air = air_of(session, entry.well_id, latest, given, policy, now=now)
    faults = faults_of(air, policy, now=now)
    bad = [fault for fault in faults if fault.why in _OUT_OF_RANGE]
    if faults and not bad:
        raise _bad_air(faults)
    detail = {"air": _kept(air), "instrument": given.instrument, "bad": bool(bad)}
    note(session, task, AIR_CHECKED, now=now, actor_id=viewer.user_id, **detail)
    well = session.get_one(Well, entry.well_id)
    entry.air = _kept(air)
    if bad:
        _raise_leave(session, well, [fault.words("zh") for fault in bad], at=now, now=now)
        return bad
    entry.check_due_at = now + timedelta(minutes=policy.air_check_min)
    raising.end_own(session, rule=AIR_CHECK_OVERDUE, source=("well", well.id), now=now)
    return []


def leave(session: Session, viewer: Viewer, task_id: int, *, now: datetime) -> WellEntry:
    """All are out: ends the entry and its alarms. Raises ConflictError where nobody is below."""
    viewer.require(Right.WORK_TASKS)
    task = repository.seen_by(session, viewer, task_id, lock=True)
    entry = _below(session, task)
    entry.ended_at, entry.ended_by = now, viewer.user_id
    minutes = round((now - entry.started_at).total_seconds() / 60)
    note(session, task, LEFT, now=now, actor_id=viewer.user_id, crew=entry.crew, minutes=minutes)
    for rule in sorted(CREW_IN_DANGER):
        raising.end_own(session, rule=rule, source=("well", entry.well_id), now=now)
    return entry


def anybody_below(session: Session) -> bool:
    """Whether `watch` has anything to look at."""
    return session.scalar(select(WellEntry.id).where(WellEntry.ended_at.is_(None)).limit(1)) is not None


def watch(session: Session, latest: Latest, *, now: datetime) -> int:
    """Looks after all who are below: raises the alarms of an overdue check, of bad air and of whatever else
    the well's sensors say. Gives how many alarms were raised or repeated. Several servers may do so."""
    policy = policies.current(session, WellPolicy)
    raised = 0
    for entry_id, task_id in session.execute(
        select(WellEntry.id, WellEntry.task_id).where(WellEntry.ended_at.is_(None)).order_by(WellEntry.id)
    ).all():
        with apart(session, "entry_not_watched", entry=entry_id):
            raised += _watch_one(session, latest, policy, entry_id, task_id, now=now)
    return raised


def _watch_one(
    session: Session, latest: Latest, policy: WellPolicy, entry_id: int, task_id: int, *, now: datetime
) -> int:
    session.get_one(Task, task_id, with_for_update=True)
    entry = session.get_one(WellEntry, entry_id, with_for_update=True, populate_existing=True)
    if entry.ended_at is not None:
        return 0
    repeat = timedelta(minutes=policy.air_repeat_min)
    raised = 0
    well = session.get_one(Well, entry.well_id)
    if now > entry.check_due_at:
        raised += raising.raise_once(
            session,
            well,
            rule=AIR_CHECK_OVERDUE,
            severity=Severity.CRITICAL,
            source=("well", well.id),
            value={"point": "minutes", "value": _minutes(now - entry.started_at), "crew": entry.crew},
            at=_slot(entry.check_due_at, repeat, now),
            now=now,
        )
    if why := _dangers(session, entry, latest, policy, now=now):
        raised += _raise_leave(session, well, why, at=_slot(entry.started_at, repeat, now), now=now)
    return raised


def _dangers(
    session: Session, entry: WellEntry, latest: Latest, policy: WellPolicy, *, now: datetime
) -> Sequence[str]:
    air = air_of(session, entry.well_id, latest, None, policy, now=now)
    since = entry.started_at
    bad = [
        fault.words("zh")
        for fault in faults_of(air, policy, now=now)
        if fault.why in _OUT_OF_RANGE and air[fault.limit.point].at >= since
    ]
    rules = [
        alarm.rule
        for alarm in _open_alarms(session, entry.task_id)
        if alarm.last_at >= since and alarm.rule not in policy.cover_rules
    ]
    return [*bad, *rules]


def _raise_leave(session: Session, well: Well, why: Sequence[str], *, at: datetime, now: datetime) -> bool:
    return raising.raise_once(
        session,
        well,
        rule=LEAVE_THE_WELL,
        severity=Severity.CRITICAL,
        source=("well", well.id),
        value={"point": "why", "value": "; ".join(why)[:200]},
        at=at,
        now=now,
    )


def _open_alarms(session: Session, task_id: int) -> Sequence[Alarm]:
    """The task's open alarms but for those of the crew itself."""
    query = select(Alarm).where(
        Alarm.task_id == task_id, Alarm.cleared_at.is_(None), Alarm.rule.not_in(CREW_IN_DANGER)
    )
    return session.scalars(query.order_by(Alarm.id)).all()


def _held(session: Session, viewer: Viewer, task_id: int) -> tuple[Task, Well]:
    viewer.require(Right.WORK_TASKS)
    task = repository.seen_by(session, viewer, task_id, lock=True)
    if task.subject_kind != "well":
        raise ConflictError("this task is not about a well", say="wells.enter.no_well")
    if task.assignee_id != viewer.user_id and not viewer.may(Right.ASSIGN_TASKS):
        raise ForbiddenError("this task is not yours: ask a dispatcher to hand it over")
    return task, session.get_one(Well, task.subject_id)


def _below(session: Session, task: Task) -> WellEntry:
    entry = gates.entry_of(session, task.id)
    if entry is None:
        raise ConflictError("nobody is in the well for this task", say="wells.enter.nobody")
    return session.get_one(WellEntry, entry.id, with_for_update=True, populate_existing=True)


def _check_instrument(given: HandHeldIn) -> None:
    if given.values and not given.instrument:
        raise InvalidError("which instrument was it read off? Write its name", where="instrument")


def _bad_air(faults: Sequence[AirFault]) -> ConflictError:
    return ConflictError(
        "nobody goes down: " + "; ".join(fault.words("en") for fault in faults),
        say="wells.enter.air",
        checks={language: [fault.words(language) for fault in faults] for language in ("zh", "en")},
    )


def _kept(air: Mapping[str, AirReading]) -> dict[str, Any]:
    return {point: reading.value for point, reading in sorted(air.items())}


def _slot(since: datetime, step: timedelta, now: datetime) -> datetime:
    """The last of the moments `since`, `since` + `step`, … that is over: one occurrence for each."""
    return since + step * ((now - since) // step)


def _minutes(time: timedelta) -> int:
    return int(time.total_seconds() // 60)
