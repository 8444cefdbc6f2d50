"""Zigbee devices as Zigbee2MQTT tells of them: every message repeats all that it last knew of the device.

Only `action` is not repeated: it is a press, not a state.
"""

import json
from datetime import UTC, datetime
from typing import Any


class ZigbeeDevice:
    """A device behind Zigbee2MQTT. `cached` holds its last values, as they go into every message."""

    profile: str
    """The id of the profile that reads it."""

    def __init__(self, name: str) -> None:
        self.topic = f"zigbee2mqtt/{name}"
        self.cached: dict[str, Any] = {"linkquality": 120}

    def message(self, now_ms: int, **once: Any) -> bytes:
        """The message at `now_ms` (UTC), with values that are said only this `once`."""
        seen = datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="milliseconds")
        return json.dumps({**self.cached, **once, "last_seen": seen.replace("+00:00", "Z")}).encode()

    def drift(self, noise: float) -> None:
        """Let the slow values change. `noise` is from -1 to 1."""
        self.cached["linkquality"] = round(120 + 30 * noise)


class TuyaSos(ZigbeeDevice):
    """Tuya TS0215A_sos: a press is an `action`."""

    profile = "tuya-ts0215a-sos"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.cached |= {"battery": 92, "voltage": 2900}

    def press(self, now_ms: int) -> bytes:
        """What it sends when pressed."""
        return self.message(now_ms, action="emergency")

    def set_battery(self, percent: int) -> None:
        """Charge of the battery."""
        self.cached |= {"battery": percent, "voltage": 2000 + 10 * percent}


class OwonSos(ZigbeeDevice):
    """OWON PB206: a press is a state that holds while the alarm lasts, and then goes back."""

    profile = "owon-pb206"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.cached |= {"sos": False, "battery_low": False, "tamper": False}

    def press(self, now_ms: int) -> bytes:
        """What it sends when pressed: a state, which lasts until `release`."""
        self.cached["sos"] = True
        return self.message(now_ms)

    def release(self, now_ms: int) -> bytes:
        """What it sends when its alarm is over."""
        self.cached["sos"] = False
        return self.message(now_ms)

    def set_battery(self, percent: int) -> None:
        """Charge of the battery; the device tells only that it is low."""
        self.cached["battery_low"] = percent < 15


class _FallRadar(ZigbeeDevice):
    """A radar that tells a fall in one of its properties."""

    fall: tuple[str, str]
    calm: tuple[str, str]
    there: tuple[str, Any] = ("occupancy", True)
    gone: tuple[str, Any] = ("occupancy", False)

    def set_there(self, there: bool) -> None:
        """Somebody comes into the room, or leaves it."""
        name, value = self.there if there else self.gone
        self.cached[name] = value

    def set_fallen(self, fallen: bool) -> None:
        """Somebody lies on the floor, or no longer does."""
        name, value = self.fall if fallen else self.calm
        self.cached[name] = value


class OwonRadar(_FallRadar):
    """OWON FDS315."""

    profile = "owon-fds315"
    fall = ("status", "falling")
    calm = ("status", "sitting")
    there = ("status", "sitting")
    gone = ("status", "unoccupied")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.cached |= {
            "status": "sitting", "breathing_rate": 16, "location_x": 40, "location_y": 120,
        }  # fmt: skip

    def drift(self, noise: float) -> None:
        super().drift(noise)
        self.cached |= {
            "breathing_rate": round(16 + 2 * noise),
            "location_x": round(40 + 60 * noise),
            "location_y": round(120 + 80 * noise),
        }


class HeimanRadar(_FallRadar):
    """Heiman HS2FD-EF1-3.0."""

    profile = "heiman-hs2fd-ef1"
    fall = ("fall_status", "fall_alarm")
    calm = ("fall_status", "normal")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.cached |= {"fall_status": "normal", "occupancy": True, "sensor_status": "activity"}


class TuyaRadar(_FallRadar):
    """Tuya MIR-HE200-TY."""

    profile = "tuya-mir-he200-ty"
    fall = ("fall_down_status", "fall")
    calm = ("fall_down_status", "none")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.cached |= {
            "fall_down_status": "none", "presence": True, "occupancy": True, "static_dwell_alarm": "",
            "tumble_alarm_time": 1,
        }  # fmt: skip
