"""The demo as a new user starts it: alive at once, telling a story, gone when asked, there again with all."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.system import Api, start, stop, wait_for
from tests.parts.processes import find_program, free_port
from tests.unit.edge.core.test_zigbee2mqtt import entry

STOP_S = 5
"""The demo's own promise for Ctrl-C."""


async def test_the_demo_lives_stops_and_remembers(tmp_path: Path) -> None:
    http, mqtt = free_port(), free_port()
    words = ["demo", "--http", str(http), "--mqtt", str(mqtt), "--data", str(tmp_path / "data")]
    log = tmp_path / "demo.log"
    token = tmp_path / "data" / "api-token"
    api = Api(f"http://127.0.0.1:{http}", "")

    async def begin() -> Any:
        process = start(words, log=log)
        await wait_for("the demo's token", token.exists)
        api.token = token.read_text().strip()
        return process

    def families() -> set[str]:
        found = {position[0] for position in api("GET", "/readings/latest")}
        return found & {"h", "w", "k"}

    def rules() -> set[str]:
        return {task["rule"] for task in api("GET", "/tasks?state=all")}

    process = await begin()
    try:
        await wait_for("live data from homes, wells and kiosks", lambda: families() == {"h", "w", "k"})
        await wait_for("the story's first two events", lambda: {"fall", "sos"} <= rules(), seconds=60)
        before = {task["id"] for task in api("GET", "/tasks?state=all")}
    finally:
        process.send_signal(2)
        assert process.wait(STOP_S) == 0
    process = await begin()
    try:
        after = await wait_for("the tasks of before", lambda: api("GET", "/tasks?state=all"))
        assert before <= {task["id"] for task in after}
        assert len(api("GET", "/devices")) >= 30 * 2 + 12 * 3 + 2
    finally:
        assert stop(process) == 0
    assert "Traceback" not in log.read_text()


@pytest.mark.soak
async def test_a_visitors_zigbee2mqtt_appears_as_pending(tmp_path: Path) -> None:
    """Nothing is set but the printed port: what a real Zigbee2MQTT retains there waits in the pages."""
    http, mqtt = free_port(), free_port()
    words = ["demo", "--http", str(http), "--mqtt", str(mqtt), "--data", str(tmp_path / "data"), "--no-sim"]
    token = tmp_path / "data" / "api-token"
    address = "0x00158d0000000d01"
    button = entry(
        "my_button", vendor="Tuya", model="TS0215A_sos", ieee_address=address, software_build_id="1.2.3"
    )

    def publish(topic: str, message: object, *more: str) -> None:
        command = [find_program("mosquitto_pub", package="mosquitto-clients"), "-p", str(mqtt), "-q", "1"]
        subprocess.run([*command, *more, "-t", topic, "-m", json.dumps(message)], check=True, timeout=20)

    process = start(words, log=tmp_path / "demo.log")
    try:
        await wait_for("the demo's token", token.exists)
        api = Api(f"http://127.0.0.1:{http}", token.read_text().strip())
        await wait_for("the gateway", lambda: [one for one in api("GET", "/gateways") if one["online"]])
        publish("zigbee2mqtt/bridge/devices", [button], "-r")
        (found,) = await wait_for("it is pending", lambda: api("GET", "/found"))
        assert (found["key"], found["profile"]) == (address, "tuya-ts0215a-sos")
        area = api("GET", "/areas")[0]["id"]
        api("PUT", "/positions/bed", {"area_id": area, "name": "床头"})
        device = api("POST", f"/found/{found['id']}/adopt", {"position_id": "bed"})
        assert device["firmware"] == "1.2.3"

        def read() -> bool:
            (gateway,) = api("GET", "/gateways")
            return bool(gateway["applied_version"] == gateway["desired_version"])

        await wait_for("the gateway reads it", read)
        publish("zigbee2mqtt/my_button", {"action": "emergency", "battery": 97})
        await wait_for("a task", lambda: [t for t in api("GET", "/tasks") if t["rule"] == "sos"])
    finally:
        assert stop(process) == 0
