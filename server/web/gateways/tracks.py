"""What is drawn of a gateway's condition. Pure."""

from typing import Final

from gateway.wire import Health
from server.gateways.health import ERRORS, FAMILY, series_of
from server.web.charts.tracks import Track
from server.web.i18n import say

LINES: Final[tuple[tuple[str, str, str], ...]] = (
    ("alarm_depth", "health.alarm_depth", ""),
    ("alarm_oldest_s", "health.alarm_oldest", "s"),
    ("data_depth", "health.data_depth", ""),
    ("data_oldest_s", "health.data_oldest", "s"),
    ("uplink_rtt_ms", "health.rtt", "ms"),
    ("clock_offset_ms", "health.clock_offset", "ms"),
    ("cpu_celsius", "health.cpu_celsius", "°C"),
    ("cpu_percent", "health.cpu_percent", "%"),
    ("memory_mb", "health.memory", "MB"),
    ("disk_free_percent", "health.disk_free", "%"),
    ("wear_percent", "health.wear", "%"),
)
"""Field, words, unit; what tells of people first."""


def tracks(gateway_id: str, health: Health | None, language: str) -> list[Track]:
    """The lines of a gateway: those that its last report has a number for, and each driver's errors."""
    drivers = () if health is None else tuple(driver.name for driver in health.drivers)
    told = [
        (field, say(language, words), unit)
        for field, words, unit in LINES
        if health is None or isinstance(getattr(health, field, 0), int | float)
    ]
    told += [(f"{ERRORS}{name}", say(language, "health.driver_errors", driver=name), "") for name in drivers]
    return [
        Track(
            family=FAMILY,
            position=series_of(gateway_id),
            point=field,
            picture="line",
            name=name,
            unit=unit,
        )
        for field, name, unit in told
    ]
