"""The MQTT driver with makers' scripts: their readings arrive, and a bad one costs its own device only."""

import asyncio
import base64
import json
from typing import Any

import aiomqtt

from edge.driver import EdgeDevice, TroubleReason
from edge.drivers.mqtt import Broker, MqttDriver, MqttSettings
from edge.drivers.mqtt.decoding import Decoding
from firmware_profiles import MessagePayload, Refusal, parse_profile
from tests.contract.edge_inbox import PATIENCE_S, Inbox, running
from tests.parts.mosquitto import Mosquitto
from tests.unit.firmware_profiles.making import document, measure

NOW_MS = 1_780_000_000_000
SCRIPT = """function decodeUplink(input) {
  if (input.bytes[0] === 255) throw { toString() { for (;;); } };
  if (input.bytes[0] === 254) return { errors: ["unknown frame"] };
  return { data: { level: input.bytes[0] + " mm" } };
}"""


def device(name: str, script: str = SCRIPT) -> EdgeDevice:
    part = {"kind": "codec", "script": "level.js", "text": script}
    fields = {"level": {"path": "level", "strip": "mm"}}
    profile = parse_profile(
        document({**part, "fields": fields}, {"level": measure(low=0, high=5000)}, transport="lorawan")
    )
    return EdgeDevice(
        id=name, position=f"at-{name}", profile=profile, address={"topic": f"devices/codecs/{name}/up"}
    )


def uplink(counter: int, *body: int) -> str:
    return json.dumps(
        {
            "deviceInfo": {},
            "deduplicationId": f"uplink-{counter}",
            "fPort": 2,
            "data": base64.b64encode(bytes(body)).decode(),
        }
    )


async def test_a_bad_script_costs_its_own_device_only(mosquitto: Mosquitto) -> None:
    inbox = Inbox()
    broker = Broker(
        host=mosquitto.host,
        port=mosquitto.port,
        username="edge",
        password_file=mosquitto.password_file("edge"),
    )
    devices = [device("bad"), device("good", SCRIPT + "// another codec")]
    driver = MqttDriver(
        devices,
        emit=inbox.emit,
        trouble=inbox.trouble,
        settings=MqttSettings(broker=broker, client_id="edge-codecs"),
        clock=lambda: NOW_MS,
    )
    async with (
        running(driver.run),
        aiomqtt.Client(
            mosquitto.host,
            mosquitto.port,
            username="devices",
            password=mosquitto.passwords["devices"],
        ) as client,
    ):
        async with asyncio.timeout(PATIENCE_S):
            await driver.ready.wait()
        await client.publish("devices/codecs/bad/up", uplink(1, 255), qos=1)
        await client.publish("devices/codecs/bad/up", uplink(2, 254), qos=1)
        await client.publish("devices/codecs/bad/up", uplink(3, 17), qos=1)
        await client.publish("devices/codecs/good/up", uplink(4, 42), qos=1)
        await inbox.until(lambda: len(inbox.readings) == 2)
    assert [(reading.device, dict(reading.points)) for reading in inbox.readings] == [
        ("bad", {"level": 17}),
        ("good", {"level": 42}),
    ]
    assert [(trouble.source, trouble.reason) for trouble in inbox.troubles] == [
        ("bad", TroubleReason.REFUSED),
        ("bad", TroubleReason.REFUSED),
    ]
    assert "codec_failed: level.js: no answer within 250 ms" in inbox.troubles[0].detail
    assert "codec_refused: level.js: unknown frame" in inbox.troubles[1].detail


async def test_a_device_that_goes_on_so_is_left_alone_for_a_while() -> None:
    now_ms = NOW_MS
    decoding = Decoding(lambda: now_ms)
    bad, good = device("bad"), device("good")

    async def said(whom: EdgeDevice, body: int) -> Any:
        try:
            (sample,) = (await decoding.decode(whom, MessagePayload(bytes([body]), 2))).samples
        except Refusal as refusal:
            return refusal.message
        return dict(sample.points)

    try:
        for _ in range(3):
            assert "its process was ended" in await said(bad, 255)
        assert "not decoded: its last 3 payloads" in await said(bad, 17)
        assert await said(good, 17) == {"level": 17}
        now_ms += 1_000
        assert await said(bad, 17) == {"level": 17}
        assert "its process was ended" in await said(bad, 255)
        assert await said(bad, 17) == {"level": 17}
    finally:
        decoding.close()
