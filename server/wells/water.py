"""Alarms of water that rises, at its own well and at the next one down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue
from gateway.rules.model import Severity, is_worse
from server.alarms.texts import WATER_RISING, WATER_UPSTREAM
from server.db.models import Alarm, Well, WellUpstream
from server.devices import repository as devices
from server.policies import service as policies
from server.supervision import apart
from server.wells import raising
from server.wells.core import Verdict, Water, judge_rise, judge_upstream
from server.wells.levels import LevelPoint, level_point
from server.wells.policy import WellPolicy

STALE: Final = timedelta(minutes=30)
"""A level older than this says nothing of now: a wet well speaks each quarter hour, a dry is dry."""
Levels = Mapping[str, tuple[LevelPoint, Water]]
"""By position."""


def points(session: Session, catalogue: Catalogue) -> list[LevelPoint]:
    """All points that tell the level of a well."""
    heights = dict(session.execute(select(Well.id, Well.mount_height_m)).all())
    found: list[LevelPoint] = []
    for device, position in devices.attached(session, in_wells=True):
        profile = catalogue.get(device.profile)
        if position.well_id is None or profile is None:
            continue
        height = heights.get(position.well_id)
        point = level_point(profile, position.id, position.well_id, mount_height_m=height)
        if point is not None:
            found.append(point)
    return found


def depths(session: Session) -> Mapping[str, float | None]:
    """The depths of all wells in metres, by id."""
    return dict(session.execute(select(Well.id, Well.depth_m)).all())


def judge(session: Session, levels: Levels, *, now: datetime, write: bool) -> int:
    """Raises and ends the alarms of rising water. Without `write` it only counts what there is to do, so that
    nobody waits for a writer for nothing."""
    policy = policies.current(session, WellPolicy)
    lasting = {
        (alarm.source_id, alarm.rule): alarm
        for alarm in session.scalars(
            select(Alarm).where(Alarm.rule.in_((WATER_RISING, WATER_UPSTREAM)), Alarm.cleared_at.is_(None))
        )
    }
    open_own = {
        key: alarm.breach.startswith(raising.prefix(alarm.rule, alarm.source_id))
        for key, alarm in lasting.items()
    }
    fresh = [one for one in levels.values() if now - one[1].at <= STALE]
    of_well: dict[str, Water] = {}
    todo: list[_Todo] = []
    for point, water in fresh:
        known = of_well.get(point.well_id)
        of_well[point.well_id] = water if known is None or water.level_mm > known.level_mm else known
        verdict = judge_rise(water, policy)
        key = (point.position_id, WATER_RISING)
        own, facts = open_own.get(key), _rising(water, policy)
        begins = verdict is Verdict.RAISE and (own is None or is_worse(facts[0], lasting[key].severity))
        if begins or (verdict is Verdict.END and own):
            source = ("position", point.position_id)
            todo.append(_Todo(point.well_id, WATER_RISING, source, begins, facts, water.at))
    for well_id, above in _upstream(session).items():
        seen = [(one, of_well[one]) for one in above if one in of_well]
        verdict = judge_upstream([water for _, water in seen], policy)
        own = open_own.get((well_id, WATER_UPSTREAM))
        if not seen or not ((verdict is Verdict.RAISE and own is None) or (verdict is Verdict.END and own)):
            continue
        worst_id, worst = max(seen, key=lambda one: (one[1].rise_cm_per_min or 0, one[1].level_mm))
        value = {"point": "upstream", "value": in_words(worst_id, worst, policy), "well": worst_id}
        todo.append(
            _Todo(well_id, WATER_UPSTREAM, ("well", well_id), own is None, (Severity.MINOR, value), worst.at)
        )
    for one in todo if write else ():
        with apart(session, "water_not_judged", well=one.well_id):
            _do(session, one, now=now)
    return len(todo)


def _do(session: Session, one: "_Todo", *, now: datetime) -> None:
    if not one.begins:
        raising.end_own(session, rule=one.rule, source=one.source, now=now)
        return
    severity, value = one.facts
    raising.raise_once(
        session,
        session.get_one(Well, one.well_id),
        rule=one.rule,
        severity=severity,
        source=one.source,
        value=value,
        at=one.at,
        now=now,
    )


@dataclass(frozen=True, slots=True)
class _Todo:
    """An alarm that begins or ends."""

    well_id: str
    rule: str
    source: tuple[str, str]
    begins: bool
    facts: tuple[Severity, dict[str, Any]]
    at: datetime


def in_words(well_id: str, water: Water, policy: WellPolicy) -> str:
    """Short, in no language: "w03 +40 cm / 10 min, 1.8 m"."""
    speed = water.rise_cm_per_min
    rise = (
        "" if speed is None else f" {speed * policy.rise_window_min:+.0f} cm / {policy.rise_window_min} min,"
    )
    return f"{well_id}{rise} {water.level_mm / 1000:.2f} m"


def _rising(water: Water, policy: WellPolicy) -> tuple[Severity, dict[str, Any]]:
    soon = water.minutes is not None and water.minutes <= policy.forecast_min
    value: dict[str, Any] = {"point": "cm/min", "value": round(water.rise_cm_per_min or 0, 1)}
    if water.minutes is not None:
        value["minutes"] = round(water.minutes)
    return Severity.MAJOR if soon else Severity.MINOR, value


def _upstream(session: Session) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    query = select(WellUpstream.well_id, WellUpstream.upstream_id).order_by(
        WellUpstream.well_id, WellUpstream.upstream_id
    )
    for well_id, upstream_id in session.execute(query).all():
        found.setdefault(well_id, []).append(upstream_id)
    return found
