"""A resident's rhythm for people: what is learned, the days it was learned from, and what is laid down."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.alarms import repository as records
from server.alarms.texts import INACTIVITY
from server.audit import service as audit
from server.context import Context
from server.db.models import Occurrence, Resident, Rhythm, Task
from server.errors import NotFoundError, StoreUnavailableError
from server.policies import service as policies
from server.rhythm import repository, words
from server.rhythm.core import Fixed
from server.rhythm.policy import RhythmPolicy
from server.rhythm.traces import Span, days_of, missing_mask, trace
from server.rhythm.usual import SLOT, Day, Learned, slots_of, up_minute
from server.rhythm.watches import Watch, watches
from server.users.roles import Right
from server.users.viewer import Viewer


class FixedIn(BaseModel):
    """What a manager lays down for one resident. Times are minutes: after midnight, and of quiet."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    off: bool = False
    up_by: int | None = Field(default=None, ge=0, lt=1440)
    quiet: int | None = Field(default=None, ge=30, le=10_080)
    reason: str = Field(default="", max_length=200)

    @model_validator(mode="after")
    def _has_reason(self) -> "FixedIn":
        changes = self.off or self.up_by is not None or self.quiet is not None
        if changes and len(self.reason) < 3:
            raise ValueError("say in a few words why this resident has rules of their own")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class DayLine:
    """One day: runs of [from, up to] minutes with activity, without data, and away; when they were up."""

    date: str
    active: list[tuple[int, int]]
    missing: list[tuple[int, int]]
    away: list[tuple[int, int]]
    up: int | None
    valid: bool


@dataclass(frozen=True, slots=True)
class UnheardView:
    """A sensor that is not heard and left out, by its place's name, and since when."""

    position_id: str
    position: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RhythmView:
    """All of one resident's rhythm. `sentences` by language; `why` where they are missed now; `kinds` are the
    kinds of sensor that tell: without any, nobody is watched so; of `sensors` the `unheard` are left out."""

    resident_id: str
    learned: Learned
    fixed: Fixed
    learned_until: datetime | None
    last_active_at: datetime | None
    kinds: list[str]
    sensors: int
    unheard: list[UnheardView]
    sentences: dict[str, list[str]]
    why: dict[str, str] | None
    days: list[DayLine]
    today: DayLine | None
    minute: int


async def view(context: Context, resident_id: str, *, now: datetime) -> RhythmView:
    """The view, with today's line where the store answers. Raises NotFoundError."""
    policy, found, watch, absent = await asyncio.to_thread(_read, context, resident_id, now)
    if watch is None:
        return found
    local = now.astimezone(policy.tz)
    midnight = datetime.combine(local.date(), time(0), policy.tz)
    try:
        read = await trace(context.store, watch, start=midnight, end=now)
    except StoreUnavailableError:
        return found
    (today,) = days_of(read, policy.tz, first=local.date(), last=local.date())
    return replace(found, today=_line(today, missing_mask(absent, today.date, policy.tz), policy))


def put_fixed(session: Session, viewer: Viewer, resident_id: str, wanted: FixedIn, *, now: datetime) -> None:
    """Lays down rules for one resident, with the reason in the audit log. Raises ForbiddenError,
    NotFoundError."""
    viewer.require(Right.PLAYBOOKS)
    if session.get(Resident, resident_id) is None:
        raise NotFoundError(f"there is no resident {resident_id!r}")
    row = session.get(Rhythm, resident_id)
    if row is None:
        row = Rhythm(resident_id=resident_id, learned={}, days={}, last_active_point="", updated_at=now)
        session.add(row)
    row.fixed = repository.pack(Fixed(**wanted.model_dump()))
    row.due_at = now
    row.updated_at = now
    audit.write(
        session,
        viewer,
        action="rhythm",
        subject=("resident", resident_id),
        reason=wanted.reason,
        now=now,
        off=wanted.off,
        up_by=wanted.up_by,
        quiet=wanted.quiet,
    )


def live_task(session: Session, viewer: Viewer, resident_id: str) -> int | None:
    """The number of the resident's open task, where this person works on such: reason enough to look."""
    if "care" not in viewer.task_kinds or not viewer.unmasked:
        return None
    return session.scalar(
        select(Task.id).where(
            Task.kind == "care",
            Task.subject_kind == "resident",
            Task.subject_id == resident_id,
            Task.closed_at.is_(None),
        )
    )


def runs(mask: int) -> list[tuple[int, int]]:
    """The set slots as runs of minutes, from and up to."""
    found: list[tuple[int, int]] = []
    for slot in slots_of(mask):
        if found and found[-1][1] == slot * SLOT:
            found[-1] = (found[-1][0], (slot + 1) * SLOT)
        else:
            found.append((slot * SLOT, (slot + 1) * SLOT))
    return found


def _read(
    context: Context, resident_id: str, now: datetime
) -> tuple[RhythmPolicy, RhythmView, Watch | None, list[Span]]:
    with context.database.read() as session:
        if session.get(Resident, resident_id) is None:
            raise NotFoundError(f"there is no resident {resident_id!r}")
        policy = policies.current(session, RhythmPolicy)
        row = session.get(Rhythm, resident_id)
        days = repository.unpack_days(row.days) if row is not None else []
        since = now - timedelta(days=policy.learn_days + 1)
        absent = repository.absences(session, [resident_id], since=since, until=now).get(resident_id, [])
        watch = watches(session, context.catalogue, residents=[resident_id]).get(resident_id)
        why = _why(session, resident_id, policy)
        unheard = [UnheardView(*row) for row in repository.unheard(session, resident_id)]
    learned = repository.unpack_learned(row.learned) if row is not None else Learned()
    fixed = repository.unpack_fixed(row.fixed) if row is not None else Fixed()
    local = now.astimezone(policy.tz)
    found = RhythmView(
        resident_id=resident_id,
        learned=learned,
        fixed=fixed,
        learned_until=row.learned_until if row is not None else None,
        last_active_at=row.last_active_at if row is not None else None,
        kinds=sorted(watch.kinds) if watch is not None else [],
        sensors=len(watch.sensors) if watch is not None else 0,
        unheard=unheard,
        sentences={
            language: words.sentences(learned, fixed, language, needed=policy.minimum_days)
            for language in ("zh", "en")
        },
        why=why,
        days=[_line(day, missing_mask(absent, day.date, policy.tz), policy) for day in days],
        today=None,
        minute=local.hour * 60 + local.minute,
    )
    return policy, found, watch, absent


def _why(session: Session, resident_id: str, policy: RhythmPolicy) -> dict[str, str] | None:
    alarm = records.open_alarm(session, source_kind="resident", source_id=resident_id, rule=INACTIVITY)
    if alarm is None:
        return None
    newest = session.scalar(
        select(Occurrence).where(Occurrence.alarm_id == alarm.id).order_by(Occurrence.id.desc()).limit(1)
    )
    why = newest.value.get("why", {}) if newest is not None else {}
    return {language: words.reason(why, language, zone=policy.tz) for language in ("zh", "en")}


def _line(day: Day, away: int, policy: RhythmPolicy) -> DayLine:
    return DayLine(
        date=day.date.isoformat(),
        active=runs(day.active),
        missing=runs(day.missing & ~away),
        away=runs(away),
        up=up_minute(day, policy),
        valid=day.active != 0 and day.missing.bit_count() * SLOT <= policy.missing_minutes,
    )
