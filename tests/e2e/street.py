"""One home, one well and one kiosk, registered through the API."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.system import System, wait_for

SOS_TOPIC = "zigbee2mqtt/sos-1"


def press(offset_s: float = 0) -> str:
    """A press some seconds from now by the device's clock."""
    return press_at(datetime.now(UTC) + timedelta(seconds=offset_s))


def press_at(moment: datetime) -> str:
    """What Zigbee2MQTT publishes for a press. Two presses at one time would be one press and its echo."""
    return json.dumps(
        {
            "action": "emergency",
            "battery": 97,
            "voltage": 3000,
            "linkquality": 120,
            "last_seen": moment.isoformat(timespec="milliseconds"),
        }
    )


async def register_home(system: System, *, areas: bool = True) -> None:
    """A resident with an emergency button (Zigbee2MQTT JSON) at home."""

    def put(path: str, body: dict[str, Any]) -> None:
        system.api("PUT", path, body)

    if areas:
        put("/areas/area-1", {"kind": "grid", "name": "第一网格"})
        put(f"/gateways/{system.gateway}", {"area_id": "area-1", "name": "一号网关"})
    put(
        "/residents/r1",
        {
            "area_id": "area-1",
            "name": "王秀英",
            "address": "幸福路1号301",
            "access": "钥匙在302室张阿姨处",
            "phone": "13800000000",
        },
    )
    put("/positions/home-sos", {"area_id": "area-1", "name": "卧室床头", "resident_id": "r1"})
    await put_device(system, "d-sos", "home-sos", "tuya-ts0215a-sos", {"topic": SOS_TOPIC})


async def put_device(
    system: System,
    device: str,
    position: str,
    profile: str,
    address: dict[str, Any],
    parameters: dict[str, float] | None = None,
) -> None:
    """Registers a device and waits until the gateway has taken it over."""
    system.api(
        "PUT",
        f"/devices/{device}",
        {
            "gateway_id": system.gateway,
            "position_id": position,
            "profile": profile,
            "address": address,
            "parameters": parameters or {},
        },
    )
    await wait_applied(system)


async def wait_applied(system: System) -> None:
    """Waits until the gateway does what it should do."""

    def applied() -> bool:
        gateways = {gateway["id"]: gateway for gateway in system.api("GET", "/gateways")}
        gateway = gateways[system.gateway]
        return bool(gateway["online"] and gateway["applied_version"] == gateway["desired_version"] > 0)

    await wait_for("the gateway applies its desired state", applied)
