"""The keys of handmade_vectors.jsonl."""

from typing import Any, Final, NamedTuple

TIME: Final = "(time)"
KEY: Final = "(key)"


class Status(NamedTuple):
    """A point that has a status and no value."""

    text: str


_NAMES: Final = {
    "battery_pct": "battery",
    "temperature_c": "temperature",
    "humidity_pct": "humidity",
    "distance_mm": "distance",
    "tilted": "cover_open",
    "occupied": "occupancy",
    "nh3_ppm": "nh3",
    "h2s_ppm": "h2s",
    "angle_x_deg": "angle_x",
    "angle_y_deg": "angle_y",
    "angle_z_deg": "angle_z",
    "gas_alarm": "gas",
    "event": "alarm",
    "status": "state",
}


def point_of(expected: dict[str, Any], key: str, value: Any) -> tuple[str, Any]:
    """Our point and the value that it has to have for their key and value."""
    if key == "alarm":  # theirs names the alarm and its phase; ours is an event named like the alarm
        return value, expected["phase"]
    if key == "phase":
        return expected["alarm"], value
    if key == "alarm_id":
        return KEY, f"alarm_id={value}"
    if key == "timestamp":
        return TIME, value * 1_000
    if key == "depth_cm":
        return "water_level", value * 10
    if key in ("nh3_state", "h2s_state"):
        return key.removesuffix("_state"), Status(value)
    if key in ("timezone_raw", "work_mode"):  # settings of the device, no quantities
        return key, None
    if key == "distance_alarm" and "tilted" not in expected:  # the radar has two sorts of alarm
        return key, "threshold" if value else "none"
    return _NAMES.get(key, key), value
