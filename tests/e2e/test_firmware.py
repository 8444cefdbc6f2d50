"""A device tells its version over the air: its record, its profile and its gateway follow."""

import base64
import json
from typing import Any

from tests.e2e.street import put_device, wait_applied
from tests.e2e.system import RealSystem, wait_for

TOPIC = "application/a/device/24e1000000000007/event/up"


def uplink(counter: int, body: str) -> str:
    """What ChirpStack publishes for these bytes."""
    return json.dumps(
        {
            "deviceInfo": {"devEui": "24e1000000000007"},
            "deduplicationId": f"firmware-{counter}",
            "fCnt": counter,
            "fPort": 2,
            "data": base64.b64encode(bytes.fromhex(body)).decode(),
        }
    )


async def test_a_reported_version_brings_its_variant(real_system: RealSystem) -> None:
    system = real_system
    system.api("PUT", "/areas/area-1", {"kind": "grid", "name": "第一网格"})
    system.api("PUT", f"/gateways/{system.gateway}", {"area_id": "area-1", "name": "一号网关"})
    system.api("PUT", "/positions/cellar", {"area_id": "area-1", "name": "地下室"})
    await put_device(system, "d-flood", "cellar", "mclimate-flood-sensor", {"topic": TOPIC})

    def device() -> dict[str, Any]:
        (found,) = system.api("GET", "/devices")
        return dict(found)

    assert device()["firmware"] == ""
    async with system.device_client() as client:
        await client.publish(TOPIC, uplink(1, "071114 00C916"), qos=1)
        await wait_for("the older variant", lambda: device()["profile"] == "mclimate-flood-sensor-1-4")
        assert device()["firmware"] == "1.4"
        await wait_applied(system)
        await client.publish(TOPIC, uplink(2, "42C916"), qos=1)
        await wait_for("a task of the leak", lambda: system.api("GET", "/tasks"))
    audit = [line for line in system.api("GET", "/audit") if line["action"] == "firmware"]
    assert [line["detail"]["profile"] for line in audit] == ["mclimate-flood-sensor-1-4"]
