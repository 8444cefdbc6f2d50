"""What is known of a device's battery, and since when. Pure.

A word of the battery holds as long as it is fresh. What was low and is heard no more is taken for empty; what
was full and is heard no more is unknown, however full it was: only a fresh good reading makes it good again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from firmware_profiles import Profile
from server.devices.freshness import Freshness
from server.timeseries.store import LatestValue

OUTDATED: Final = timedelta(days=7)
"""Devices that tell their battery do so once a day or more often; after a week without they do not any more,
though they speak of other things. Own assumption."""
CRITICAL_SHARE: Final = 0.5
"""Of the profile's limit, where that is in percent: time to go today, and not with the next round."""


class BatteryState(StrEnum):
    """From best to worst."""

    GOOD = "good"
    UNKNOWN = "unknown"  # since the time of the last word, if there ever was one
    LOW = "low"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryView:
    """`kind` as in the profile (percent, volts, flag, mains, unknown); `value` None where not told yet; `at`
    is the time of that word."""

    kind: str
    value: float | None = None
    state: BatteryState = BatteryState.UNKNOWN
    at: datetime | None = None

    @property
    def low(self) -> bool:
        """Whether somebody has to bring a new one."""
        return self.state in (BatteryState.LOW, BatteryState.CRITICAL)


def battery_of(
    profile: Profile | None, values: Sequence[LatestValue], fresh: Freshness, *, now: datetime
) -> BatteryView:
    """The battery by the newest values; `fresh` is how fresh the device is."""
    battery = profile.battery if profile else None
    if battery is None:
        return BatteryView(kind="unknown")
    if battery.kind == "mains":
        return BatteryView(kind=battery.kind, state=BatteryState.GOOD)
    told = next((one for one in values if one.field == battery.point and not one.is_status), None)
    if told is None or not isinstance(told.value, float | int):
        return BatteryView(kind=battery.kind)
    value = float(told.value)
    low = bool(value) if battery.kind == "flag" else battery.low is not None and value < battery.low
    outdated = fresh in (Freshness.SILENT, Freshness.NEVER) or now - told.time > OUTDATED
    deep = battery.kind == "percent" and battery.low is not None and value <= battery.low * CRITICAL_SHARE
    state = (
        (BatteryState.CRITICAL if outdated or deep else BatteryState.LOW)
        if low
        else (BatteryState.UNKNOWN if outdated else BatteryState.GOOD)
    )
    return BatteryView(kind=battery.kind, value=value, state=state, at=told.time)
