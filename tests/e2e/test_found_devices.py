"""A device joins the network, waits, is adopted, and its press becomes a task, whatever it is called then."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.street import press
from tests.e2e.system import RealSystem, wait_for
from tests.e2e.test_timelines import open_tasks
from tests.parts.influx import Bucket
from tests.parts.mosquitto import Mosquitto
from tests.unit.edge.core.test_zigbee2mqtt import binary, entry

SOS, LEAK = "0x00158d00000000a1", "0x00158d00000000a2"
BELL = "homeassistant/event/bell/config"


@dataclass
class FindingSystem(RealSystem):
    """With a gateway that asks Zigbee2MQTT and Home Assistant's discovery."""

    @property
    def gateway_environment(self) -> dict[str, str]:
        """The gateway's settings."""
        return {
            **super().gateway_environment,
            "SUNWELL_GATEWAY_ZIGBEE2MQTT": '["zigbee2mqtt"]',
            "SUNWELL_GATEWAY_HOME_ASSISTANT": '["homeassistant"]',
        }

    async def say(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        """Publish as a bridge or device would."""
        async with self.device_client() as client:
            await client.publish(topic, payload, qos=1, retain=retain)

    async def list_devices(self, *entries: dict[str, Any]) -> None:
        """What Zigbee2MQTT says of its network."""
        await self.say("zigbee2mqtt/bridge/devices", json.dumps(entries), retain=True)

    def found(self) -> dict[str, dict[str, Any]]:
        """What waits to be adopted, by hardware."""
        return {one["key"]: one for one in self.api("GET", "/found")}

    def topic_in_force(self, device: str) -> str | None:
        """Where the server says that a device speaks, once its gateway has taken that over."""
        (gateway,) = self.api("GET", "/gateways")
        if gateway["applied_version"] != gateway["desired_version"]:
            return None
        devices = {one["id"]: one for one in self.api("GET", "/devices")}
        return devices[device]["address"]["topic"] if device in devices else None

    async def adopt(self, key: str, position: str) -> str:
        """Registers what was found; gives the device's id once the gateway reads it."""
        self.api("PUT", f"/positions/{position}", {"area_id": "area-1", "name": position})
        found = self.found()[key]
        device: str = self.api("POST", f"/found/{found['id']}/adopt", {"position_id": position})["id"]
        await wait_for("the gateway reads it", lambda: self.topic_in_force(device) == found["topic"])
        return device


@pytest.fixture
async def finding(
    mosquitto: Mosquitto, device_broker: Mosquitto, pg_url: str, influx_bucket: Bucket, tmp_path: Path
) -> AsyncIterator[FindingSystem]:
    """Server and gateway on the real parts; nothing retained stays behind at the devices' broker."""
    running = FindingSystem(tmp_path, mosquitto, device_broker, pg_url, influx_bucket)
    try:
        await running.start_server()
        running.api("PUT", "/areas/area-1", {"kind": "grid", "name": "第一网格"})
        running.api("PUT", f"/gateways/{running.gateway}", {"area_id": "area-1", "name": "一号网关"})
        yield running
    finally:
        running.close()
        for topic in ("zigbee2mqtt/bridge/devices", BELL, "devices/bell"):
            await running.say(topic, b"", retain=True)


async def test_found_adopted_pressed_renamed_pressed(finding: FindingSystem) -> None:
    button = {"vendor": "Tuya", "model": "TS0215A_sos", "ieee_address": SOS}
    await finding.list_devices(
        entry("bed", **button), entry("cellar", binary("water_leak"), ieee_address=LEAK)
    )
    finding.start_gateway()
    found = await wait_for("both are found", lambda: finding.found() if len(finding.found()) == 2 else None)
    assert found[SOS]["profile"] == "tuya-ts0215a-sos"
    assert found[LEAK]["points"] == ["leak"]

    sos = await finding.adopt(SOS, "bed")
    await finding.adopt(LEAK, "cellar")
    assert finding.found() == {}
    await finding.say("zigbee2mqtt/bed", press())
    await finding.say("zigbee2mqtt/cellar", b'{"water_leak": true}')
    tasks = await wait_for("two tasks", lambda: two if len(two := open_tasks(finding)) == 2 else None)
    assert {task["rule"] for task in tasks} == {"sos", "leak"}

    await finding.list_devices(entry("bath", **button))
    await wait_for("the topic follows", lambda: finding.topic_in_force(sos) == "zigbee2mqtt/bath")
    await finding.say("zigbee2mqtt/bath", press(30))
    await wait_for("the press under the new name", lambda: len(finding.api.occurrences()) == 3)
    audit = [line["action"] for line in finding.api("GET", "/audit")]
    assert audit.count("adopt") == 2
    assert audit.count("rename") == 1


@pytest.mark.soak
async def test_a_renamed_button_works_before_the_server_knows(finding: FindingSystem) -> None:
    button = {"vendor": "Tuya", "model": "TS0215A_sos", "ieee_address": SOS}
    await finding.list_devices(entry("bed", **button))
    finding.start_gateway()
    await wait_for("it is found", finding.found)
    await finding.adopt(SOS, "bed")
    finding.kill("server")
    await finding.list_devices(entry("bath", **button))
    log = finding.folder / "gateway.log"
    for number in range(100):
        await finding.say("zigbee2mqtt/bath", press(10 * number))
        if '"rule": "sos"' in log.read_text():
            break
    else:
        pytest.fail("the gateway did not follow the new name by itself")
    await finding.start_server()
    await wait_for("a task", lambda: open_tasks(finding))


@pytest.mark.soak
async def test_an_event_of_home_assistant_counts_and_a_retained_one_does_not(finding: FindingSystem) -> None:
    config = {
        "stat_t": "devices/bell",
        "evt_typ": ["sos"],
        "dev": {"ids": ["bell"], "mf": "Acme", "mdl": "Bell"},
    }
    await finding.say(BELL, json.dumps(config), retain=True)
    await finding.say("devices/bell", b'{"event_type": "sos"}', retain=True)
    finding.start_gateway()
    await wait_for("it is found", finding.found)
    await finding.adopt("bell@devices/bell", "hall")

    def ignored() -> bool:
        (gateway,) = finding.api("GET", "/gateways")
        return any(one["reason"] == "retained_event" for one in gateway["health"].get("troubles", []))

    await wait_for("the retained event is reported", ignored)
    assert finding.api.occurrences() == []
    await finding.say("devices/bell", b'{"event_type": "sos"}')
    (task,) = await wait_for("a task", lambda: open_tasks(finding))
    assert task["rule"] == "sos"
    assert len(finding.api.occurrences()) == 1
