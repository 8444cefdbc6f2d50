"""The record of unprotected times: rows opened and ended, a few hundred in one transaction."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue
from server.coverage import facts
from server.coverage.core import (
    BY_READINGS,
    BY_SILENCE,
    Cause,
    Gap,
    Rules,
    Step,
    Unheard,
    gaps,
    step,
    unheard,
)
from server.coverage.policy import CoveragePolicy
from server.db.database import Change, Database, announce
from server.db.models import Heartbeat, Rhythm, UnheardSensor, UnprotectedSpan
from server.db.models.residents import NOT_ENDED
from server.db.upsert import insert_missing
from server.policies.service import current

AT_ONCE: Final = 300
"""Rows a transaction: alarms wait no longer than these take."""
KIND: Final = "coverage"
BEAT: Final = "coverage"
"""The rounds' heartbeat; its detail says until when everybody has been judged."""
JUDGED_TO: Final = "judged_to"
T = TypeVar("T")


def rules_of(policy: CoveragePolicy) -> Rules:
    """The policy as the core wants it."""
    return Rules(
        helps=frozenset(policy.helps),
        battery_low_counts=policy.battery_low_counts,
        retest_grace=timedelta(days=policy.retest_grace_days),
    )


def open_now(
    session: Session, resident_ids: Collection[str] | None = None
) -> dict[tuple[str, str, str], int]:
    """The open rows: their keys as in `Gap.key`, and their ids."""
    query = select(
        UnprotectedSpan.resident_id, UnprotectedSpan.cause, UnprotectedSpan.thing_id, UnprotectedSpan.id
    ).where(UnprotectedSpan.until.is_(None))
    if resident_ids is not None:
        query = query.where(UnprotectedSpan.resident_id.in_(resident_ids))
    return {(row[0], row[1], row[2]): row[3] for row in session.execute(query)}


def judged_to(session: Session) -> datetime | None:
    """Until when at least everybody has been judged, as the rounds say."""
    detail = session.scalar(select(Heartbeat.detail).where(Heartbeat.name == BEAT))
    said = (detail or {}).get(JUDGED_TO)
    return None if said is None else datetime.fromisoformat(said)


def judge(
    session: Session,
    *,
    catalogue: Catalogue,
    values: facts.Values | None,
    opens_silence: bool = True,
    now: datetime,
    resident_ids: Collection[str] | None = None,
) -> Step:
    """What has to change in the record of all residents, or of these. Without `values` (nobody has asked the
    store yet, or it does not answer) nothing that only readings tell is ended or begun; without
    `opens_silence` (just after a start) nobody becomes silent."""
    rules = rules_of(current(session, CoveragePolicy))
    known = facts.places(
        session, catalogue=catalogue, values=values or {}, now=now, resident_ids=resident_ids
    )
    found: list[Gap] = []
    lost: list[Unheard] = []
    to = judged_to(session)
    declared = facts.works(session, (place for of in known.values() for place in of), now=now)
    for resident_id, created_at in facts.residents(session, resident_ids).items():
        places = known.get(resident_id, ())
        works = declared.get(resident_id, ())
        found += gaps(resident_id, places, rules, now=now, created_at=created_at, judged_to=to, works=works)
        lost += unheard(places, now=now)
    said = {place.position_id for of in known.values() for place in of if place.silence_said_at is not None}
    judged = None if values is not None else [cause for cause in Cause if cause not in BY_READINGS]
    planned = step(open_now(session, resident_ids), found, judged=judged)
    if values is not None and opens_silence:
        return _with_unheard(session, planned, lost, resident_ids)
    begun = (gap for gap in planned.begin if gap.cause not in BY_SILENCE or gap.thing_id in said)
    return Step(tuple(begun), planned.end)


def _with_unheard(
    session: Session, planned: Step, lost: Iterable[Unheard], resident_ids: Collection[str] | None
) -> Step:
    query = select(UnheardSensor.position_id)
    if resident_ids is not None:
        query = query.where(UnheardSensor.resident_id.in_(resident_ids))
    kept = set(session.scalars(query))
    now_lost = {one.position_id: one for one in lost}
    return replace(
        planned,
        lost=tuple(one for key, one in now_lost.items() if key not in kept),
        heard=tuple(sorted(kept - now_lost.keys())),
    )


def keep(database: Database, change: Step, *, now: datetime) -> None:
    """Writes a step, in small transactions. Another server that writes the same changes nothing."""
    for gaps_now in _portions(change.begin):
        with database.write() as session:
            begin(session, gaps_now)
    for numbers in _portions(change.end):
        with database.write() as session:
            session.execute(
                update(UnprotectedSpan)
                .where(UnprotectedSpan.id.in_(numbers), UnprotectedSpan.until.is_(None))
                .values(until=now)
            )
            announce(session, Change(KIND, "spans", "ended"))
    for sensors in _portions(change.lost):
        with database.write() as session:
            insert_missing(session, UnheardSensor, [asdict(one) for one in sensors], index=("position_id",))
            whose = {one.resident_id for one in sensors}  # with fewer sensors other times count
            session.execute(update(Rhythm).where(Rhythm.resident_id.in_(whose)).values(due_at=now))
    for positions in _portions(change.heard):
        with database.write() as session:
            session.execute(delete(UnheardSensor).where(UnheardSensor.position_id.in_(positions)))


def begin(session: Session, found: Sequence[Gap]) -> None:
    """Opens rows; one that is open already stays as it is: the index decides."""
    if not found:
        return
    rows = [
        {
            "resident_id": gap.resident_id,
            "cause": str(gap.cause),
            "thing_kind": gap.thing_kind,
            "thing_id": gap.thing_id,
            "since": gap.since,
        }
        for gap in found
    ]
    index = ("resident_id", "cause", "thing_id")
    insert_missing(session, UnprotectedSpan, rows, index=index, where=NOT_ENDED)
    announce(session, Change(KIND, "spans", "begun"))


def _portions(items: Iterable[T]) -> Iterator[list[T]]:
    portion: list[T] = []
    for item in items:
        portion.append(item)
        if len(portion) == AT_ONCE:
            yield portion
            portion = []
    if portion:
        yield portion
