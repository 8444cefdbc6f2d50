"""Timelines from a sensor's bytes to a closed task, on the real parts and on the embedded ones."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

from sunwell.simulate.modbus_host import ModbusHost, SimulatedUnit
from tests.e2e.street import SOS_TOPIC, press, put_device, register_home
from tests.e2e.system import System, wait_for

TELLING = ("told", "told_nobody", "unanswered")
"""What dispatch writes meanwhile; how far it comes before the next press of a button is nobody's promise."""
CHIRPSTACK = "application/1/device/24e124126a148401/event/up"


async def publish(system: System, topic: str, payload: str | bytes) -> None:
    """What a device says, once, at least."""
    async with system.device_client() as client:
        await client.publish(topic, payload, qos=1)


def open_tasks(system: System) -> list[dict[str, Any]]:
    """The live list."""
    found: list[dict[str, Any]] = system.api("GET", "/tasks")
    return found


async def test_a_press_becomes_a_task_and_is_worked_to_its_end(system: System) -> None:
    await register_home(system)
    await publish(system, SOS_TOPIC, press())
    (task,) = await wait_for("a task", lambda: open_tasks(system))
    assert (task["kind"], task["rule"], task["severity"], task["state"]) == ("care", "sos", "critical", "new")
    assert task["subject"]["name"] == "王秀英"
    path = f"/tasks/{task['id']}"
    assert task["subject"]["access"] == ""  # the list says who; the task itself says how to get in
    assert system.api("GET", path)["task"]["subject"]["access"] == "钥匙在302室张阿姨处"
    for action, body in (
        ("acknowledge", None),
        ("depart", None),
        ("arrive", None),
        ("resolve", {"outcome": "helped_on_site", "note": "扶起，无伤"}),
        ("close", None),
    ):
        task = system.api("POST", f"{path}/{action}", body)
    assert (task["state"], task["outcome"]) == ("closed", "helped_on_site")
    assert open_tasks(system) == []
    timeline = system.api("GET", path)["timeline"]
    told = [entry["action"] for entry in timeline if entry["action"] not in TELLING]
    assert told == ["opened", "acknowledge", "depart", "arrive", "resolve", "close", "follow_up"]

    await publish(system, SOS_TOPIC, press(10))
    (again,) = await wait_for("a new task for a new press", lambda: open_tasks(system))
    assert again["id"] != task["id"]


async def test_every_press_is_an_occurrence_of_one_task(system: System) -> None:
    await register_home(system)
    async with system.device_client() as client:
        for number in range(20):
            await client.publish(SOS_TOPIC, press(2 * number), qos=1)
    await wait_for("20 occurrences", lambda: len(system.api.occurrences()) == 20)
    (task,) = open_tasks(system)
    assert task["occurrences"] == 20


async def test_readings_reach_the_time_series(system: System) -> None:
    await register_home(system)
    await publish(system, SOS_TOPIC, '{"battery":88,"voltage":2900,"linkquality":99}')

    def battery() -> Any:
        values = system.api("GET", "/readings/latest").get("home-sos", [])
        return next((value["value"] for value in values if value["field"] == "battery"), None)

    assert await wait_for("the battery's reading", battery) == 88


async def test_a_modbus_thermometer_finds_a_fever(system: System) -> None:
    await register_home(system)
    registers = {0x0F: 360, 0x10: 358, 0x11: 362, 0x12: 361, 0x13: 361, 0x14: 280, 0x15: 0}
    async with ModbusHost([SimulatedUnit(unit=3, registers=lambda: registers)]) as slave:
        system.api("PUT", "/positions/kiosk", {"area_id": "area-1", "name": "测温站"})
        await put_device(
            system,
            "d-kiosk",
            "kiosk",
            "calex-pyrousb",
            {"host": "127.0.0.1", "port": slave.port, "unit": 3},
        )
        await wait_for("a reading", lambda: "kiosk" in system.api("GET", "/readings/latest"))
        assert open_tasks(system) == []
        registers |= {0x0F: 384, 0x10: 383, 0x11: 386, 0x12: 385, 0x13: 385}
        (task,) = await wait_for("a task", lambda: open_tasks(system))
        assert (task["kind"], task["rule"]) == ("public_health", "fever")


async def test_a_cover_opens_and_closes_over_lorawan(system: System) -> None:
    await register_home(system)
    system.api("PUT", "/wells/w1", {"area_id": "area-1", "name": "0427", "address": "幸福路口"})
    system.api("PUT", "/positions/well-1", {"area_id": "area-1", "name": "井盖", "well_id": "w1"})
    await put_device(
        system, "d-well", "well-1", "dingtek-dc410", {"topic": CHIRPSTACK}, {"mount_height": 3000}
    )
    await publish(system, CHIRPSTACK, uplink(1, cover_frame(angle=62, moved=1)))
    (task,) = await wait_for("a task", lambda: open_tasks(system))
    assert (task["kind"], task["rule"], task["subject"]["name"]) == ("well", "cover_open", "0427")
    await publish(system, CHIRPSTACK, uplink(2, cover_frame(angle=1, moved=0)))
    await wait_for(
        "the alarm is over",
        lambda: not [a for a in system.api("GET", "/alarms") if a["rule"] == "cover_open"],
    )
    assert [task["rule"] for task in open_tasks(system)] == ["cover_open"]


def cover_frame(*, angle: int, moved: int) -> bytes:
    """A DC410 data frame: 17 bytes, distance 1,700 mm, 18 degrees Celsius."""
    frame = bytearray(17)
    frame[0:3], frame[3], frame[4] = b"\x80\x00\x01", 0x01, 0x11
    frame[5:7] = (1700).to_bytes(2, "big")
    frame[8], frame[10], frame[11], frame[12] = 18, angle, 0, moved << 4
    return bytes(frame)


def uplink(count: int, frame: bytes) -> str:
    """The frame as ChirpStack v4 publishes it."""
    return json.dumps(
        {
            "deduplicationId": f"00000000-0000-0000-0000-{count:012d}",
            "time": datetime.now(UTC).isoformat(),
            "deviceInfo": {"applicationId": "1", "devEui": "24e124126a148401", "deviceName": "well"},
            "fPort": 3,
            "fCnt": count,
            "data": base64.b64encode(frame).decode(),
        }
    )
