"""How many people a kiosk has screened and how many fevers there were, hour by hour.

Screenings are the kiosk's own readings of its verdict, one a person, asked of the time-series store; a sensor
that gives no verdict counts nobody. Fevers are the occurrences under public-health tasks, drills left out.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue
from gateway.rules.model import TaskKind
from server.db.models import Alarm, Area, Attachment, Device, Occurrence, Position, Task
from server.errors import NotFoundError
from server.timeseries.store import Bucket, TimeSeriesStore

LOCAL: Final = timezone(timedelta(hours=8))
"""A day is one of China's."""
HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Kiosk:
    """A position whose device screens people. `verdict` is the point that speaks once a person; None where
    there is no such point."""

    id: str
    name: str
    area: str
    device_id: str
    family: str
    verdict: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """One hour from `start` on. `screened` is None where the kiosk counts nobody."""

    start: datetime
    screened: int | None
    fevers: int


def kiosks(session: Session, catalogue: Catalogue) -> list[Kiosk]:
    """All kiosks, by name."""
    rows = session.execute(
        select(Position.id, Position.name, Area.name, Device.id, Device.profile)
        .join(Area, Area.id == Position.area_id)
        .join(Attachment, (Attachment.position_id == Position.id) & Attachment.until.is_(None))
        .join(Device, Device.id == Attachment.device_id)
        .where(Device.profile.in_(_screening(catalogue)), Device.retired_at.is_(None))
        .order_by(Position.name, Position.id)
    )
    return [
        Kiosk(
            id=position_id,
            name=name,
            area=area,
            device_id=device_id,
            family=catalogue[profile].family,
            verdict=_screening(catalogue)[profile],
        )
        for position_id, name, area, device_id, profile in rows
    ]


def kiosk(session: Session, catalogue: Catalogue, position_id: str) -> Kiosk:
    """One of them. Raises NotFoundError."""
    found = next((one for one in kiosks(session, catalogue) if one.id == position_id), None)
    if found is None:
        raise NotFoundError(f"there is no kiosk at position {position_id!r}")
    return found


def fevers(session: Session, position_id: str, *, start: datetime, end: datetime) -> Sequence[datetime]:
    """When fevers were found, by the device's clock."""
    query = (
        select(Occurrence.device_at)
        .join(Alarm, Alarm.id == Occurrence.alarm_id)
        .join(Task, Task.id == Alarm.task_id)
        .where(
            Alarm.source_kind == "position",
            Alarm.source_id == position_id,
            Task.kind == TaskKind.PUBLIC_HEALTH,
            Task.test.is_(False),
            Occurrence.event == "occurred",
            Occurrence.device_at >= start,
            Occurrence.device_at < end,
        )
    )
    return session.scalars(query).all()


async def screenings(
    store: TimeSeriesStore, kiosk: Kiosk, *, start: datetime, end: datetime
) -> list[Bucket] | None:
    """People by hour; None where the kiosk gives no verdicts. Raises StoreUnavailableError."""
    if kiosk.verdict is None:
        return None
    return await store.series(
        family=kiosk.family,
        position=kiosk.id,
        field=kiosk.verdict,
        start=start,
        end=end,
        width_ms=HOUR_MS,
    )


def by_hour(start: datetime, people: Iterable[Bucket] | None, fevers: Iterable[datetime]) -> list[Hour]:
    """The day's twenty-four hours. Pure."""
    screened = None if people is None else [0] * 24
    for bucket in people or ():
        place = int((bucket.time - start).total_seconds() // 3_600)
        if screened is not None and 0 <= place < 24:
            screened[place] += bucket.count
    found = [0] * 24
    for at in fevers:
        place = int((at - start).total_seconds() // 3_600)
        if 0 <= place < 24:
            found[place] += 1
    return [
        Hour(
            start=start + timedelta(hours=hour),
            screened=None if screened is None else screened[hour],
            fevers=found[hour],
        )
        for hour in range(24)
    ]


def day_of(day: date) -> tuple[datetime, datetime]:
    """The day's first moment and the next day's."""
    start = datetime.combine(day, time(), LOCAL)
    return start, start + timedelta(days=1)


def as_csv(kiosk: Kiosk, hours: Iterable[Hour]) -> str:
    """A table for a spreadsheet: one line an hour."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(("kiosk", "hour", "screened", "fevers"))
    for hour in hours:
        rows.writerow(
            (
                kiosk.id,
                hour.start.isoformat(),
                "" if hour.screened is None else hour.screened,
                hour.fevers,
            )
        )
    return out.getvalue()


def _screening(catalogue: Catalogue) -> dict[str, str | None]:
    """The profiles that screen people, each with the event point that its fever rule listens to."""
    found: dict[str, str | None] = {}
    for profile in catalogue.values():
        rules = [rule for rule in profile.rule_templates() if rule.task == "public_health"]
        if rules:
            spoken = (rule.point for rule in rules if rule.when.kind == "event")
            found[profile.id] = next(spoken, None)
    return found
