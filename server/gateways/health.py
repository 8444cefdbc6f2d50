"""A gateway's condition over time: what of its reports is kept, as measurement `gateway`."""

from datetime import datetime, timedelta
from typing import Final

from gateway.wire import Health
from server.clock import to_ms
from server.timeseries.store import Point

FAMILY: Final = "gateway"
AHEAD: Final = timedelta(hours=24)
OLDEST_MS: Final = 1_577_836_800_000
"""2020-01-01: a report from before has no clock behind it."""
MOST_DRIVERS: Final = 20
ERRORS: Final = "errors."
"""Beginning of the fields that count a driver's errors; its name follows."""


def series_of(gateway_id: str) -> str:
    """What stands in a position's place: no position has such an id."""
    return f"gateway/{gateway_id}"


def point(gateway_id: str, area_id: str, health: Health, *, now: datetime) -> Point:
    """A report as a point, at the gateway's own time; at `now` where that is impossible. Numbers only: no
    text of the field's devices, and no trouble's words."""
    latest = to_ms(now + AHEAD)
    return Point(
        family=FAMILY,
        area=area_id,
        position=series_of(gateway_id),
        device="",
        gateway=gateway_id,
        time_ms=health.at_ms if OLDEST_MS <= health.at_ms <= latest else to_ms(now),
        fields=fields(health),
    )


def fields(health: Health) -> dict[str, float | str]:
    """The numbers of a report; what the machine does not tell is left out. Ages are in seconds."""
    told: dict[str, object] = {
        "uptime_s": health.uptime_s,
        "cpu_celsius": health.cpu_celsius,
        "cpu_percent": health.cpu_percent,
        "memory_mb": health.memory_mb,
        "disk_free_percent": health.disk_free_percent,
        "wear_percent": health.wear_percent,
        "uplink_rtt_ms": health.uplink_rtt_ms,
        "clock_offset_ms": health.clock_offset_ms,
        "clock_trusted": health.clock_trusted,
        "alarm_depth": health.alarm_depth,
        "alarm_oldest_s": _age_s(health, health.alarm_oldest_ms),
        "data_depth": health.data_depth,
        "data_oldest_s": _age_s(health, health.data_oldest_ms),
        "data_lost": health.data_lost,
        "troubles": len(health.troubles),
        "restarts": sum(driver.restarts for driver in health.drivers),
    }
    told |= {f"{ERRORS}{driver.name[:40]}": driver.errors for driver in health.drivers[:MOST_DRIVERS]}
    return {name: float(value) for name, value in told.items() if isinstance(value, int | float)}


def _age_s(health: Health, since_ms: int | None) -> float:
    return 0.0 if since_ms is None else max(health.at_ms - since_ms, 0) / 1000
