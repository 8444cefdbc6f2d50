"""What levels, covers and air mean: rise and forecast, covers opened together, air to go down in. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from server.places.ground import Place, metres
from server.wells.policy import AirLimit, SiteCheck, WellPolicy

LEAST_SPAN: Final = timedelta(seconds=60)
"""Over less than this a rise is waves."""
NOISE_CM_PER_MIN: Final = 0.3
"""A slower rise is no reason to foresee anything: over ten minutes it is 3 cm, the error of an ultrasonic
sensor in a well."""
SETTLED_DEG: Final = 1.5
"""Angles that differ by no more than this stand still: sensors tell whole degrees, and one more for noise."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One level in millimetres above the bottom."""

    at: datetime
    mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Water:
    """How the water stands in a well and moves. `prealarm_mm` is None where its depth is not known; `minutes`
    is when it will be reached at this rise, 0 where it has been."""

    at: datetime
    level_mm: float
    rise_cm_per_min: float | None = None
    prealarm_mm: float | None = None
    minutes: float | None = None

    @property
    def is_high(self) -> bool:
        """At its pre-alarm level or over it."""
        return self.prealarm_mm is not None and self.level_mm >= self.prealarm_mm


class Verdict(StrEnum):
    """What is to be done about an alarm of a condition."""

    RAISE = "raise"
    LEAVE = "leave"
    END = "end"


def rise(samples: Sequence[Sample], *, window: timedelta) -> float | None:
    """The rise in cm/min by least squares over the samples of the window before the newest one; None where
    they span less than a minute."""
    if not samples:
        return None
    newest = max(sample.at for sample in samples)
    points = [
        ((sample.at - newest).total_seconds() / 60, sample.mm / 10)
        for sample in samples
        if newest - sample.at <= window
    ]
    if -min(minute for minute, _ in points) * 60 < LEAST_SPAN.total_seconds():
        return None
    middle = sum(minute for minute, _ in points) / len(points)
    mean = sum(cm for _, cm in points) / len(points)
    spread = sum((minute - middle) ** 2 for minute, _ in points)
    return sum((minute - middle) * (cm - mean) for minute, cm in points) / spread


def water(samples: Sequence[Sample], policy: WellPolicy, *, depth_m: float | None) -> Water | None:
    """How the water stands, from the newest samples; None without any."""
    if not samples:
        return None
    newest = max(samples, key=lambda sample: sample.at)
    rising = rise(samples, window=timedelta(minutes=policy.rise_window_min))
    prealarm = None if depth_m is None else depth_m * 10 * policy.prealarm_percent
    minutes: float | None = None
    if prealarm is not None and newest.mm >= prealarm:
        minutes = 0.0
    elif prealarm is not None and rising is not None and rising >= NOISE_CM_PER_MIN:
        minutes = (prealarm - newest.mm) / 10 / rising
    return Water(
        at=newest.at, level_mm=newest.mm, rise_cm_per_min=rising, prealarm_mm=prealarm, minutes=minutes
    )


def judge_rise(seen: Water, policy: WellPolicy) -> Verdict:
    """Whether the water rises too fast, or will be too high too soon. It is over when it stands or falls; one
    that is slow again may still be on its way up."""
    speed = seen.rise_cm_per_min
    if speed is None:
        return Verdict.LEAVE
    if speed >= policy.rise_cm_per_min:
        return Verdict.RAISE
    if seen.minutes is not None and 0 < seen.minutes <= policy.forecast_min:
        return Verdict.RAISE
    return Verdict.END if speed <= 0 else Verdict.LEAVE


def judge_upstream(upstream: Iterable[Water], policy: WellPolicy) -> Verdict:
    """Whether what comes from above is a reason to warn: a neighbour upstream is high, or rises fast."""
    verdict = Verdict.END
    for one in upstream:
        speed = one.rise_cm_per_min
        if (one.is_high and (speed is None or speed > -NOISE_CM_PER_MIN)) or (
            speed is not None and speed >= policy.rise_cm_per_min
        ):
            return Verdict.RAISE
        if one.is_high or (speed is not None and speed > 0):
            verdict = Verdict.LEAVE
    return verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCover:
    """A well whose cover was opened, and the task that it led to."""

    task_id: int
    well_id: str
    place: Place
    at: datetime


def together(own: OpenCover, others: Iterable[OpenCover], policy: WellPolicy) -> list[OpenCover]:
    """The covers that were opened with this one, itself among them, the first task first; empty where they
    are too few to be roadworks."""
    time = timedelta(minutes=policy.roadworks_min)
    found = {own.well_id: own}
    for other in others:
        if abs(other.at - own.at) <= time and metres(own.place, other.place) <= policy.roadworks_m:
            found.setdefault(other.well_id, other)
    covers = sorted(found.values(), key=lambda one: one.task_id)
    return covers if len(covers) >= policy.roadworks_covers else []


@dataclass(frozen=True, slots=True, kw_only=True)
class AirReading:
    """One quantity of the air, when it was read, and by what: a position, or an instrument's name."""

    value: float
    at: datetime
    by: str


class AirWhy(StrEnum):
    """Why nobody may go down."""

    MISSING = "missing"
    OLD = "old"
    LOW = "low"
    HIGH = "high"


@dataclass(frozen=True, slots=True, kw_only=True)
class AirFault:
    """What is wrong with one quantity of the air."""

    limit: AirLimit
    why: AirWhy
    value: float | None = None

    def words(self, language: str) -> str:
        """In words: "Oxygen 18.2 % (at least 19.5)"."""
        name = self.limit.zh if language == "zh" else self.limit.en
        if self.why is AirWhy.MISSING:
            return f"{name}：没有读数" if language == "zh" else f"{name}: no reading"
        if self.why is AirWhy.OLD:
            return f"{name}：读数已过时" if language == "zh" else f"{name}: the reading is too old"
        bound = self.limit.least if self.why is AirWhy.LOW else self.limit.most
        words = {
            ("zh", AirWhy.LOW): "应不低于",
            ("zh", AirWhy.HIGH): "应不高于",
            ("en", AirWhy.LOW): "at least",
            ("en", AirWhy.HIGH): "at most",
        }[language, self.why]
        return f"{name} {self.value:g} {self.limit.unit} ({words} {bound:g})"


def judge_air(
    limits: Iterable[AirLimit], air: Mapping[str, AirReading], *, fresh: timedelta, now: datetime
) -> list[AirFault]:
    """All that is wrong; nothing where people may go down. An old reading that is out of range still counts:
    only a fresh good one makes air good."""
    faults: list[AirFault] = []
    for limit in limits:
        reading = air.get(limit.point)
        if reading is None:
            if limit.needed:
                faults.append(AirFault(limit=limit, why=AirWhy.MISSING))
        elif limit.least is not None and not reading.value >= limit.least:
            faults.append(AirFault(limit=limit, why=AirWhy.LOW, value=reading.value))
        elif limit.most is not None and not reading.value <= limit.most:
            faults.append(AirFault(limit=limit, why=AirWhy.HIGH, value=reading.value))
        elif limit.needed and not _is_fresh(reading, fresh, now):
            faults.append(AirFault(limit=limit, why=AirWhy.OLD, value=reading.value))
    return faults


def worst(
    candidates: Iterable[AirReading], limit: AirLimit, *, fresh: timedelta, now: datetime
) -> AirReading | None:
    """The reading that counts of several: a fresh one before an old one, and of these a bad one before a good
    one; None without any."""

    def order(one: AirReading) -> tuple[bool, bool, float]:
        low = limit.least is not None and not one.value >= limit.least
        high = limit.most is not None and not one.value <= limit.most
        return not _is_fresh(one, fresh, now), not (low or high), -one.at.timestamp()

    return min(candidates, key=order, default=None)


def _is_fresh(reading: AirReading, fresh: timedelta, now: datetime) -> bool:
    """A reading from ahead of the clock is no better than one from as far behind: one of the two is wrong."""
    return abs(now - reading.at) <= fresh


def unticked(checks: Iterable[SiteCheck], ticked: Collection[str]) -> list[SiteCheck]:
    """The lines of the list that are not ticked."""
    return [check for check in checks if check.key not in ticked]


def settled(angles: Sequence[float]) -> float | None:
    """The angle that a cover lies at, where its newest readings agree; None while it moves."""
    if len(angles) < 2:  # one alone may be the hand that still holds it
        return None
    lowest, highest = min(angles), max(angles)
    return round(sum(angles) / len(angles), 1) if highest - lowest <= SETTLED_DEG else None
