"""LoRaWAN devices as ChirpStack v4 tells of their uplinks: the maker's bytes in base64 inside JSON."""

import base64
import json
import struct
from datetime import UTC, datetime
from enum import IntEnum
from uuid import NAMESPACE_OID, uuid5

APPLICATION = "0b7d3f5c-7a3e-4c1a-9d50-2f6a51c0e001"


class LorawanDevice:
    """A device behind ChirpStack. `dev_eui` is 16 hexadecimal digits."""

    profile: str
    port: int

    def __init__(self, name: str, dev_eui: str) -> None:
        self.name = name
        self.dev_eui = dev_eui
        self.topic = f"application/{APPLICATION}/device/{dev_eui}/event/up"
        self.frame_count = 0

    def uplink(self, frame: bytes, now_ms: int, *, rssi: int = -87, snr: float = 7.5) -> bytes:
        """The network server's event for one frame received at `now_ms` (UTC)."""
        self.frame_count += 1
        received = datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="microseconds")
        event = {
            # The network server names each uplink; made of its parts here, so that no two are the same.
            "deduplicationId": str(uuid5(NAMESPACE_OID, f"{self.dev_eui}:{self.frame_count}:{now_ms}")),
            "time": received,
            "deviceInfo": {
                "tenantName": "Sunwell",
                "applicationId": APPLICATION,
                "applicationName": "street",
                "deviceProfileName": self.profile,
                "deviceName": self.name,
                "devEui": self.dev_eui,
                "deviceClassEnabled": "CLASS_A",
                "tags": {},
            },
            "devAddr": f"00{self.dev_eui[-6:]}",
            "adr": True,
            "dr": 5,
            "fCnt": self.frame_count,
            "fPort": self.port,
            "confirmed": False,
            "data": base64.b64encode(frame).decode(),
            "rxInfo": [
                {"gatewayId": "24e124fffef00001", "uplinkId": self.frame_count, "rssi": rssi, "snr": snr}
            ],
            "txInfo": {"frequency": 470_300_000},
        }
        return json.dumps(event).encode()


class RoomState(IntEnum):
    """VS373's room_state."""

    NORMAL = 0
    VACANT = 1
    IN_BED = 2
    OUT_OF_BED = 3
    FALL = 4


class MilesightRadar(LorawanDevice):
    """Milesight VS373. Its items: channel, type, value, little endian."""

    profile = "milesight-vs373"
    port = 85

    def __init__(self, name: str, dev_eui: str) -> None:
        super().__init__(name, dev_eui)
        self.state = RoomState.NORMAL
        self.alarm_id = 0
        self.minutes_today = 0

    def report(self) -> bytes:
        """`03 F8`: room state, target (normal), use now and today."""
        self.minutes_today = (self.minutes_today + 1) % 1440
        return b"\x03\xf8" + struct.pack("<BBHH", self.state, 0, 12, self.minutes_today)

    def set_there(self, there: bool) -> None:
        """Somebody comes into the room, or leaves it."""
        self.state = RoomState.NORMAL if there else RoomState.VACANT

    def fall_alarm(self) -> bytes:
        """`06 FB`: alarm id, type fall, triggered, region 1."""
        self.alarm_id = (self.alarm_id + 1) % 65_536
        self.state = RoomState.FALL
        return b"\x06\xfb" + struct.pack("<HBBB", self.alarm_id, 0, 1, 1) + self.report()

    def fall_over(self) -> bytes:
        """The same alarm, deactivated."""
        self.state = RoomState.NORMAL
        return b"\x06\xfb" + struct.pack("<HBBB", self.alarm_id, 0, 2, 1) + self.report()


class MilesightButton(LorawanDevice):
    """Milesight WS101."""

    profile = "milesight-ws101"
    port = 85

    def __init__(self, name: str, dev_eui: str) -> None:
        super().__init__(name, dev_eui)
        self.battery = 96

    def report(self) -> bytes:
        """`01 75`: battery percent."""
        return bytes((0x01, 0x75, self.battery))

    def press(self) -> bytes:
        """`FF 2E`: a short press."""
        return bytes((0xFF, 0x2E, 1))


class DingtekCover(LorawanDevice):
    """DingTek DC410 under a cover: distance down to the water in mm, tilt in degrees."""

    profile = "dingtek-dc410"
    port = 3

    def __init__(self, name: str, dev_eui: str, *, mount_height_mm: int) -> None:
        super().__init__(name, dev_eui)
        self.mount_height_mm = mount_height_mm
        self.distance_mm = mount_height_mm - 300
        self.temperature = 16
        self.tilt = 0
        self.moved = False
        self.battery_low = False

    def report(self) -> bytes:
        """The data frame of 17 bytes."""
        full = self.distance_mm < 300
        frame = bytearray(17)
        frame[0:5] = b"\x80\x00\x01\x02\x11"  # header: device type, data report, length
        frame[5:7] = self.distance_mm.to_bytes(2, "big")
        frame[8] = self.temperature & 0xFF
        frame[10] = self.tilt
        frame[11] = 0x10 if full else 0x00
        frame[12] = (0x10 if self.moved else 0x00) | (0x01 if self.battery_low else 0x00)
        frame[13:15] = (self.frame_count & 0xFFFF).to_bytes(2, "big")
        frame[16] = 0x81
        return bytes(frame)
