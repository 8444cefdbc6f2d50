"""How fresh a device's data are, judged by its profile's own rhythm. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from firmware_profiles import Profile
from firmware_profiles.values import Scalar
from server.timeseries.store import LatestValue

_EVERY: Final = timedelta(hours=1)
_SILENT: Final = timedelta(hours=25)
"""For a profile without a rhythm: Zigbee2MQTT's own limit for devices that sleep."""
_PATIENCE: Final = 1.5
STALE_FLOOR: Final = timedelta(seconds=15)
SILENT_FLOOR: Final = timedelta(seconds=60)
"""Nothing is stale or silent sooner, however often it speaks. A page is up to 5 s old and what it shows up to
10 s older: the gateway sends frames, the server stores batches, a busy line takes turns. A device that is
polled each second would be called late while all is well; its silence at the gateway is judged there."""


class Freshness(StrEnum):
    """From best to worst."""

    FRESH = "fresh"
    STALE = "stale"  # later than its rhythm, not yet silent
    SILENT = "silent"
    NEVER = "never"


def rhythm(profile: Profile | None, state: Scalar | None = None) -> tuple[timedelta, timedelta]:
    """How often the device speaks, and after what it counts as silent, while the point that tells its
    sampling mode has this value."""
    if profile is None or profile.heartbeat is None:
        return _EVERY, _SILENT
    heartbeat = profile.heartbeat
    others = (one for name, one in heartbeat.modes.items() if name != heartbeat.default)
    told = next((one for one in others if state is not None and state in one.when), None)
    mode = told or heartbeat.modes[heartbeat.default]
    return timedelta(milliseconds=mode.every), timedelta(milliseconds=mode.silent_after)


def telling(profile: Profile | None, values: Iterable[LatestValue]) -> Scalar | None:
    """What the newest values say of the sampling mode; None where nothing does."""
    if profile is None or profile.heartbeat is None or profile.heartbeat.by is None:
        return None
    by = profile.heartbeat.by
    return next((value.value for value in values if value.field == by and not value.is_status), None)


def freshness(
    profile: Profile | None, last_at: datetime | None, *, now: datetime, state: Scalar | None = None
) -> Freshness:
    """How fresh data of `last_at` are now; `state` as in `rhythm`."""
    if last_at is None:
        return Freshness.NEVER
    every, silent_after = rhythm(profile, state)
    age = now - last_at
    if age > max(silent_after, SILENT_FLOOR):
        return Freshness.SILENT
    return Freshness.STALE if age > max(every * _PATIENCE, STALE_FLOOR) else Freshness.FRESH
