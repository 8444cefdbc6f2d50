"""Whether a place protects its resident now, and if not, why and since when. Pure.

The rules, written once:

- A sensor protects where its profile calls help for a person (`server.devices.helping`); one that tells of
  daily life or comfort does not. A person is protected while every place of theirs that holds a protecting
  sensor works: its gateway is there and hears it, the sensor has spoken within its own rhythm, its battery is
  good, and its last witnessed test passed and is not overdue. Somebody with no such sensor is unprotected
  since they were written down.
- A gap begins at the last good sign of life, not when it was noticed: at a gateway's or a sensor's last
  word, at the first low word of its battery, at the day a sensor was put up untested or taken away, at the
  end of the grace of a re-test. It ends when the server knows that all is well again.
- Behind a gateway that is away nothing is judged silent: one cause, not one a sensor. What a gateway still
  has to hand over counts as not yet heard, up to `BACKLOG`.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from server.devices.battery import BatteryState
from server.devices.helping import Help


class Cause(StrEnum):
    """Why somebody is not protected, the most telling first."""

    NONE = "none"  # no protecting sensor at all
    GATEWAY = "gateway"  # its gateway is away
    DRIVER = "driver"  # its gateway is there, but cannot hear its sensors
    REMOVED = "removed"  # the sensor was taken away, and nothing else in the home calls help as it did
    SILENT = "silent"
    WORK = "work"  # work is declared at the home, or at the sensor
    BATTERY = "battery"
    UNTESTED = "untested"
    RETEST = "retest"  # the last test is too old
    RHYTHM = "rhythm"  # no sensor that tells of daily life is heard: nobody would be missed


ORDER: Final = {cause: number for number, cause in enumerate(Cause)}
BY_READINGS: Final = frozenset({Cause.SILENT, Cause.BATTERY, Cause.RHYTHM})
BY_SILENCE: Final = frozenset({Cause.SILENT, Cause.RHYTHM})
"""What only the readings tell; everything else stands in the database."""
BACKLOG: Final = timedelta(hours=2)
"""How far back a gateway's backlog may hold up the judgement of silence. Own assumption: a backlog that is
older does not drain, and behind it somebody would be unprotected without anybody knowing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What is known of one place in a home. `helps` is by what its sensor, or the last one, calls help;
    `tells` whether it tells of daily life; `heard_to` until when the server would have heard it; `last_at`
    the sensor's last word since it hangs there."""

    resident_id: str
    position_id: str
    created_at: datetime
    helps: frozenset[Help] = frozenset()
    tells: bool = False
    device_id: str | None = None
    attached_at: datetime | None = None
    removed_at: datetime | None = None
    gateway_id: str = ""
    gateway_away_since: datetime | None = None
    driver_away_since: datetime | None = None
    heard_to: datetime | None = None
    last_at: datetime | None = None
    silent_after: timedelta = timedelta(hours=25)
    silence_said_at: datetime | None = None
    battery: BatteryState = BatteryState.UNKNOWN
    battery_at: datetime | None = None
    signed_at: datetime | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """One cause at one thing (`thing_kind`: gateway, position, window or resident)."""

    resident_id: str
    cause: Cause
    thing_kind: str
    thing_id: str
    since: datetime

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it one: at most one of these is open."""
        return self.resident_id, self.cause, self.thing_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Work that is declared now: at the home, or at one place in it."""

    window_id: int
    since: datetime
    position_id: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class Unheard:
    """A sensor of daily life that is not heard, and since when."""

    resident_id: str
    position_id: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What of the policy decides."""

    helps: frozenset[str] = frozenset(Help)
    battery_low_counts: bool = True
    retest_grace: timedelta = timedelta(days=14)


def gaps(
    resident_id: str,
    places: Sequence[Place],
    rules: Rules,
    *,
    now: datetime,
    created_at: datetime | None = None,
    judged_to: datetime | None = None,
    works: Sequence[Work] = (),
) -> list[Gap]:
    """All that is wrong with one resident's protection; nothing where all is well. `created_at` is when the
    resident was first written down, `judged_to` until when everybody has been judged: whoever had no such gap
    then was protected, or not looked after. `works` is what is declared at the home now."""
    counted = [place for place in places if place.helps & rules.helps]
    working = {one for place in counted if place.device_id is not None for one in place.helps}
    found: dict[tuple[str, str, str], Gap] = {}
    for place in counted:
        for gap in _of_place(place, rules, working, now):
            known = found.get(gap.key)
            found[gap.key] = gap if known is None or gap.since < known.since else known
    protecting = {place.position_id for place in counted}
    for work in works:
        if work.position_id is None or work.position_id in protecting:
            gap = Gap(resident_id, Cause.WORK, "window", str(work.window_id), min(work.since, now))
            found[gap.key] = gap
    unwatched = _unwatched_since(places, found, now)
    if unwatched is not None:
        gap = Gap(resident_id, Cause.RHYTHM, "resident", resident_id, unwatched)
        found[gap.key] = gap
    if not counted:
        first = min(
            [place.created_at for place in places] + ([created_at] if created_at else []), default=now
        )
        since = first if judged_to is None else max(first, judged_to)
        gap = Gap(resident_id, Cause.NONE, "resident", resident_id, min(since, now))
        found[gap.key] = gap
    return sorted(found.values(), key=lambda gap: (ORDER[gap.cause], gap.since, gap.thing_id))


def unheard(places: Iterable[Place], *, now: datetime) -> list[Unheard]:
    """The sensors of daily life that are not heard: quiet is judged without them."""
    found = ((place, _unheard_since(place, now)) for place in places if _watches(place))
    return [
        Unheard(place.resident_id, place.position_id, min(since, now))
        for place, since in found
        if since is not None
    ]


def _watches(place: Place) -> bool:
    return place.tells and place.device_id is not None and place.attached_at is not None


def _unheard_since(place: Place, now: datetime) -> datetime | None:
    away = place.gateway_away_since or place.driver_away_since
    return away if away is not None else _silent_since(place, now)


def _unwatched_since(
    places: Sequence[Place], found: Mapping[tuple[str, str, str], Gap], now: datetime
) -> datetime | None:
    """Since when no sensor of daily life is heard, where there are such. What is told of already, their
    gateway or the sensor itself, explains it."""
    watching = [place for place in places if _watches(place)]
    since = [at for place in watching if (at := _unheard_since(place, now)) is not None]
    if not watching or len(since) < len(watching):
        return None
    told = {thing for _, cause, thing in found if cause in (Cause.GATEWAY, Cause.DRIVER, Cause.SILENT)}
    if all(place.gateway_id in told or place.position_id in told for place in watching):
        return None
    return min(max(since), now)


def _of_place(place: Place, rules: Rules, working: Set[str], now: datetime) -> Iterable[Gap]:
    def gap(cause: Cause, since: datetime) -> Gap:
        at_gateway = cause in (Cause.GATEWAY, Cause.DRIVER)
        kind, thing = ("gateway", place.gateway_id) if at_gateway else ("position", place.position_id)
        return Gap(place.resident_id, cause, kind, thing, min(since, now))

    if place.device_id is None or place.attached_at is None:
        if place.removed_at is not None and not place.helps & rules.helps <= working:
            yield gap(Cause.REMOVED, place.removed_at)
        return
    if place.gateway_away_since is not None:
        yield gap(Cause.GATEWAY, place.gateway_away_since)
    elif place.driver_away_since is not None:
        yield gap(Cause.DRIVER, place.driver_away_since)
    else:
        silent_since = _silent_since(place, now)
        if silent_since is not None:
            yield gap(Cause.SILENT, silent_since)
    low = (BatteryState.LOW, BatteryState.CRITICAL) if rules.battery_low_counts else (BatteryState.CRITICAL,)
    if place.battery in low:
        yield gap(Cause.BATTERY, place.battery_at or now)
    if place.signed_at is None:
        yield gap(Cause.UNTESTED, place.attached_at)
    elif place.due_at is not None and place.due_at + rules.retest_grace <= now:
        yield gap(Cause.RETEST, place.due_at + rules.retest_grace)


def _silent_since(place: Place, now: datetime) -> datetime | None:
    assert place.attached_at is not None
    last = place.last_at or place.attached_at
    if place.silence_said_at is not None and place.silence_said_at >= last:
        told = place.silence_said_at - place.silent_after  # the gateway says so when the limit has passed
        return last if place.last_at is not None else max(told, place.attached_at)
    judged_at = now if place.heard_to is None else max(min(place.heard_to, now), now - BACKLOG)
    return last if judged_at - last > place.silent_after else None


@dataclass(frozen=True, slots=True)
class Step:
    """What has to change in the record: gaps to open, ids of open rows to end; sensors that are not heard any
    more, and the positions of those that are heard again."""

    begin: tuple[Gap, ...]
    end: tuple[int, ...]
    lost: tuple[Unheard, ...] = ()
    heard: tuple[str, ...] = ()


def step(
    now_open: Mapping[tuple[str, str, str], int],
    found: Iterable[Gap],
    *,
    judged: Iterable[Cause] | None = None,
) -> Step:
    """From what is open in the record to what was `found`. Only causes that were `judged` are ended (all, if
    none are named): what could not be looked at goes on as it was."""
    wanted = {gap.key: gap for gap in found}
    looked_at = None if judged is None else {str(cause) for cause in judged}
    return Step(
        begin=tuple(gap for key, gap in wanted.items() if key not in now_open),
        end=tuple(
            number
            for key, number in now_open.items()
            if key not in wanted and (looked_at is None or key[1] in looked_at)
        ),
    )


Span = tuple[datetime, datetime]


def union(spans: Iterable[Span]) -> list[Span]:
    """The same times without overlap, in order."""
    merged: list[Span] = []
    for since, until in sorted(spans):
        if until <= since:
            continue
        if merged and since <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], until))
        else:
            merged.append((since, until))
    return merged


def both(one: Iterable[Span], other: Iterable[Span]) -> timedelta:
    """How long both hold at once."""
    others = union(other)
    total = timedelta(0)
    for since, until in union(one):
        for start, end in others:
            total += max(min(until, end) - max(since, start), timedelta(0))
    return total
