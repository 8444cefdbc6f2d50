"""The street that is measured: homes with an emergency button each, and room sensors for the load."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

from tests.e2e.street import wait_applied
from tests.e2e.system import System

AREA = "bench"
BUTTON = "tuya-ts0215a-sos"
ROOM_SENSOR = "sonoff-snzb-02d"


def button_topic(home: str) -> str:
    """Where Zigbee2MQTT publishes the presses of a home."""
    return f"zigbee2mqtt/{home}-sos"


def sensor_topic(number: int) -> str:
    """Where Zigbee2MQTT publishes a room sensor's values."""
    return f"zigbee2mqtt/room-{number:03d}"


def pressed(at_ms: int) -> bytes:
    """What Zigbee2MQTT publishes for a press at this time."""
    seen = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    message = {"action": "emergency", "battery": 97, "voltage": 3000, "linkquality": 120, "last_seen": seen}
    return json.dumps(message).encode()


def room(at_ms: int, number: int) -> bytes:
    """What Zigbee2MQTT publishes for a room sensor; the values change a little with time and sensor."""
    seen = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    warmth = round(20 + (number + at_ms // 100) % 50 / 10, 1)
    message = {
        "temperature": warmth,
        "humidity": round(40 + warmth / 10, 1),
        "battery": 97,
        "linkquality": 120,
        "last_seen": seen,
    }
    return json.dumps(message).encode()


async def register(system: System, homes: list[str], sensors: int) -> None:
    """Registers homes and room sensors through the API and waits until the gateway has taken them over.
    A resident is called as the home is."""
    await asyncio.to_thread(_register, system, homes, sensors)
    await wait_applied(system)


def _register(system: System, homes: list[str], sensors: int) -> None:
    def put(path: str, body: dict[str, Any]) -> None:
        system.api("PUT", path, body)

    def device(name: str, profile: str, topic: str) -> None:
        put(
            f"/devices/{name}",
            {
                "gateway_id": system.gateway,
                "position_id": name,
                "profile": profile,
                "address": {"topic": topic},
                "parameters": {},
            },
        )

    put(f"/areas/{AREA}", {"kind": "grid", "name": "第一网格"})
    put(f"/gateways/{system.gateway}", {"area_id": AREA, "name": "一号网关"})
    for home in homes:
        put(f"/residents/{home}", {"area_id": AREA, "name": home, "address": "幸福路1号301"})
        put(f"/positions/{home}", {"area_id": AREA, "name": "卧室床头", "resident_id": home})
        device(home, BUTTON, button_topic(home))
    for number in range(sensors):
        name = f"room-{number:03d}"
        put(f"/positions/{name}", {"area_id": AREA, "name": name})
        device(name, ROOM_SENSOR, sensor_topic(number))
