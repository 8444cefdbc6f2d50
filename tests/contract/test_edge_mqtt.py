"""The MQTT driver against a real Mosquitto."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.driver import TroubleReason
from edge.drivers.mqtt import Broker, BrokerError, MqttDriver, MqttSettings
from edge.readings import Quality, Reading, TimeSource
from edge.supervisor import SupervisedDriver
from tests.contract.edge_inbox import PATIENCE_S, Inbox, device, running
from tests.contract.edge_mqtt import NOW_MS, PRESS, Street, subscribed
from tests.parts.mosquitto import Mosquitto


@pytest.fixture
def street(mosquitto: Mosquitto, tmp_path: Path) -> Street:
    return Street(mosquitto, tmp_path)


@pytest.fixture
async def inbox() -> Inbox:
    return Inbox()


async def test_a_press_becomes_a_reading(street: Street, inbox: Inbox) -> None:
    async with subscribed(street.driver(inbox)):
        await street.publish(PRESS)
        await inbox.until(lambda: inbox.readings)
    (reading,) = inbox.readings
    assert (reading.device, reading.position, reading.family) == ("button", "at-button", "button")
    assert reading.points == {"action": "emergency", "battery": 88, "linkquality": 120}
    assert (reading.time_ms, reading.received_ms) == (NOW_MS, NOW_MS)
    assert reading.quality is Quality.GOOD
    assert not inbox.troubles


async def test_presses_made_while_the_driver_is_down_come_at_its_next_start(
    street: Street, inbox: Inbox
) -> None:
    async with subscribed(street.driver(inbox)):
        pass
    await street.publish(*({**PRESS, "battery": level} for level in range(50)))
    async with subscribed(street.driver(inbox)):
        await inbox.until(lambda: len(inbox.readings) == 50)
    assert inbox.said("battery") == list(range(50))
    assert len({reading.key for reading in inbox.readings}) == 50


async def test_two_equal_presses_have_two_keys(street: Street, inbox: Inbox) -> None:
    async with subscribed(street.driver(inbox)):
        await street.publish(PRESS, PRESS)
        await inbox.until(lambda: len(inbox.readings) == 2)
    assert inbox.readings[0].key != inbox.readings[1].key


async def test_a_press_kept_but_not_acknowledged_comes_again_under_the_same_key(
    street: Street, inbox: Inbox
) -> None:
    """The process dies between the commit and the acknowledgement; another one takes over."""
    kept = asyncio.Event()

    async def keep_and_hang(reading: Reading) -> None:
        await inbox.emit(reading)
        kept.set()
        await asyncio.Event().wait()

    async with subscribed(street.driver(inbox, emit=keep_and_hang)):
        await street.publish(PRESS)
        await asyncio.wait_for(kept.wait(), PATIENCE_S)
    async with subscribed(street.driver(inbox)):
        await street.publish(PRESS)
        await inbox.until(lambda: len(inbox.readings) == 3)
    first, again, new = (reading.key for reading in inbox.readings)
    assert first is not None
    assert again == first
    assert new != first


async def test_what_emit_raises_ends_the_run_and_the_press_comes_again(street: Street, inbox: Inbox) -> None:
    keys: list[str | None] = []

    async def fail_once(reading: Reading) -> None:
        keys.append(reading.key)
        if len(keys) == 1:
            raise OSError("disk full")
        await inbox.emit(reading)

    supervised = SupervisedDriver(
        "mqtt",
        lambda emit, trouble: MqttDriver(
            [street.button()], emit=emit, trouble=trouble, settings=street.settings
        ),
        emit=fail_once,
        trouble=inbox.trouble,
    )
    async with running(supervised.run):
        assert isinstance(supervised.driver, MqttDriver)
        await asyncio.wait_for(supervised.driver.ready.wait(), PATIENCE_S)
        await street.publish(PRESS)
        await inbox.until(lambda: inbox.readings)
    assert keys[0] == keys[1]
    assert supervised.counters.restarts == 1
    assert supervised.counters.readings == 1
    assert "disk full" in (supervised.counters.last_error or "")
    assert inbox.reasons() == [TroubleReason.DRIVER_FAILED]


GARBAGE: list[tuple[bytes, TroubleReason]] = [
    (b"{" + b'"a":1,' * 20_000, TroubleReason.OVERSIZED),
    (b"\0" * 2_000_000, TroubleReason.OVERSIZED),
    (b'{"action":"\xff\xfe"}', TroubleReason.INVALID_UTF8),
    (b'{"action":', TroubleReason.INVALID_JSON),
    (b"[" * 60_000, TroubleReason.INVALID_JSON),
    (b"[1,2]", TroubleReason.UNEXPECTED_SHAPE),
    (b'{"contact":true}', TroubleReason.REFUSED),
    (b'{"action":"emergency","last_seen":"yesterday"}', TroubleReason.IMPLAUSIBLE_TIME),
    (b'{"action":"emergency","last_seen":1000}', TroubleReason.IMPLAUSIBLE_TIME),
    (b'{"action":"emergency","last_seen":1800000000000}', TroubleReason.IMPLAUSIBLE_TIME),
]


async def test_garbage_is_reported_and_the_next_press_is_seen(street: Street, inbox: Inbox) -> None:
    async with subscribed(street.driver(inbox)):
        await street.publish(*(payload for payload, _ in GARBAGE), PRESS)
        await inbox.until(lambda: inbox.said("battery"))
    assert inbox.reasons("button") == [reason for _, reason in GARBAGE]
    assert all(len(report.detail) <= 200 and "\xff" not in report.detail for report in inbox.troubles)
    implausible = inbox.readings[:-1]
    assert [reading.points["action"] for reading in implausible] == ["emergency"] * 3
    assert {(reading.time_ms, reading.time_source) for reading in implausible} == {
        (NOW_MS, TimeSource.GATEWAY)
    }


async def test_a_devices_own_time_is_kept(street: Street, inbox: Inbox) -> None:
    async with subscribed(street.driver(inbox)):
        await street.publish({**PRESS, "last_seen": NOW_MS - 5_000})
        await inbox.until(lambda: inbox.readings)
    assert inbox.readings[0].time_ms == NOW_MS - 5_000
    assert inbox.readings[0].time_source is TimeSource.DEVICE


async def test_a_retained_event_is_no_event_and_a_retained_state_is_old(street: Street, inbox: Inbox) -> None:
    await street.publish(PRESS, retain=True)
    await street.publish({"sos": True, "battery_low": False}, name="cord", retain=True)
    cord = device("owon-pb206", "cord", topic=street.topic("cord"))
    async with subscribed(street.driver(inbox, [street.button(), cord])):
        await inbox.until(lambda: len(inbox.readings) == 2 and inbox.troubles)
        await street.publish({"sos": False}, name="cord")
        await inbox.until(lambda: len(inbox.readings) == 3)
    assert inbox.said("action") == []
    assert [reading.quality for reading in inbox.readings] == [Quality.STALE, Quality.STALE, Quality.GOOD]
    assert inbox.reasons() == [TroubleReason.RETAINED_EVENT]
    await street.publish(b"", retain=True)
    await street.publish(b"", name="cord", retain=True)


async def test_devices_are_replaced_while_it_runs(street: Street, inbox: Inbox) -> None:
    driver = street.driver(inbox, [street.button("old")])
    async with subscribed(driver):
        driver.apply([street.button("new")])
        await asyncio.sleep(0)
        await asyncio.wait_for(driver.ready.wait(), PATIENCE_S)
        await street.publish(PRESS, name="old")
        await street.publish(PRESS, name="new")
        await inbox.until(lambda: inbox.readings)
    assert [reading.device for reading in inbox.readings] == ["new"]


async def test_a_device_with_a_useless_topic_is_reported(street: Street, inbox: Inbox) -> None:
    bad: list[dict[str, Any]] = [{}, {"topic": ""}, {"topic": "a/+"}, {"topic": "a/#"}, {"topic": 7}]
    devices = [device("tuya-ts0215a-sos", f"bad-{n}", **address) for n, address in enumerate(bad)]
    street.driver(inbox, devices)
    assert inbox.reasons() == [TroubleReason.BAD_ADDRESS] * len(bad)


async def test_unregistered_topics_are_reported_once(street: Street, inbox: Inbox) -> None:
    async with subscribed(
        street.driver(inbox, discover=(f"zigbee2mqtt/{street.name}-unknown", "zigbee2mqtt/+"))
    ):
        stranger = street.topic("stranger")
        while stranger not in {report.source for report in inbox.troubles}:
            await street.publish({"contact": True}, name="stranger")  # until the discovery is connected too
            await asyncio.sleep(0.05)
        await street.publish({"contact": True}, name="stranger")
        await street.publish(PRESS)
        await inbox.until(lambda: inbox.readings)
    assert inbox.reasons(stranger) == [TroubleReason.UNKNOWN_DEVICE]
    assert len(inbox.readings) == 1


async def test_it_comes_back_by_itself_after_the_broker_was_restarted(street: Street, inbox: Inbox) -> None:
    supervised = SupervisedDriver(
        "mqtt",
        lambda emit, trouble: MqttDriver(
            [street.button()], emit=emit, trouble=trouble, settings=street.settings
        ),
        emit=inbox.emit,
        trouble=inbox.trouble,
    )
    async with running(supervised.run):
        driver = supervised.driver
        assert isinstance(driver, MqttDriver)
        await asyncio.wait_for(driver.ready.wait(), PATIENCE_S)
        await asyncio.to_thread(street.broker.stop)
        await inbox.until(lambda: TroubleReason.UNREACHABLE in inbox.reasons("mqtt"))
        await asyncio.to_thread(street.broker.start)
        await asyncio.wait_for(driver.ready.wait(), PATIENCE_S)
        await street.publish(PRESS)
        await inbox.until(lambda: inbox.readings)
    assert supervised.counters.restarts >= 1


async def test_a_burst_larger_than_its_room_is_taken_whole_and_in_order(street: Street, inbox: Inbox) -> None:
    async with subscribed(street.driver(inbox)):
        await street.publish(*({"battery": n % 100, "linkquality": 1} for n in range(1500)))
        await inbox.until(lambda: len(inbox.readings) == 1500)
    assert inbox.said("battery") == [n % 100 for n in range(1500)]


async def test_a_flood_without_acknowledgement_waits_at_the_broker(street: Street, inbox: Inbox) -> None:
    """Zigbee2MQTT publishes at QoS 0. While emit waits for the disk, nothing read may be thrown away."""
    disk = asyncio.Event()

    async def slow(reading: Reading) -> None:
        await disk.wait()
        await inbox.emit(reading)

    async with subscribed(street.driver(inbox, emit=slow)):
        await street.publish(*({"battery": n % 100} for n in range(2_000)), qos=0)
        await asyncio.sleep(0.2)  # lets the flood pile up; shorter only makes the test weaker
        disk.set()
        await inbox.until(lambda: len(inbox.readings) == 2_000)
    assert inbox.said("battery") == [n % 100 for n in range(2_000)]
    assert {reading.key for reading in inbox.readings} == {None}


async def test_a_topic_left_over_in_the_session_is_left(street: Street, inbox: Inbox) -> None:
    async with subscribed(street.driver(inbox, [street.button("gone"), street.button()])):
        pass
    await street.publish(PRESS, PRESS, name="gone")
    driver = street.driver(inbox)
    async with subscribed(driver):
        await inbox.until(lambda: inbox.troubles)
        await street.publish(PRESS)
        await inbox.until(lambda: inbox.readings)
    assert [(report.source, report.reason) for report in inbox.troubles] == [
        (street.topic("gone"), TroubleReason.UNKNOWN_DEVICE)
    ]
    assert [reading.device for reading in inbox.readings] == ["button"]


async def test_a_wrong_password_is_named(street: Street, inbox: Inbox, tmp_path: Path) -> None:
    wrong = tmp_path / "password"
    wrong.write_text("wrong")
    broker = replace(street.settings.broker, password_file=wrong)
    with pytest.raises(BrokerError, match="refused: Not authorized"):
        await street.driver(inbox, broker=broker).run()


async def test_a_broker_that_never_answers_is_given_up(street: Street, inbox: Inbox) -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    async with server:
        broker = Broker(port=server.sockets[0].getsockname()[1], version="3.1.1")
        with pytest.raises(BrokerError, match="no answer to the log-in"):
            await street.driver(inbox, broker=broker).run()


async def test_a_stop_while_connecting_is_prompt(street: Street, inbox: Inbox) -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await reader.read()
        writer.close()

    arrived = asyncio.Event()
    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    async with server:
        broker = Broker(port=server.sockets[0].getsockname()[1])
        async with running(street.driver(inbox, broker=broker).run):
            await asyncio.wait_for(arrived.wait(), PATIENCE_S)


async def test_a_broker_that_talks_nonsense_ends_the_run(street: Street, inbox: Inbox) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"\x20\x03\x00\x00\x00" + b"\x32\x02\xff\xff" + b"HTTP/1.1 400 \r\n" * 10)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server:
        broker = Broker(port=server.sockets[0].getsockname()[1])
        with pytest.raises((BrokerError, ExceptionGroup)) as caught:
            await street.driver(inbox, broker=broker).run()
    assert isinstance(caught.value, BrokerError) or caught.group_contains(BrokerError)


async def test_a_broker_without_mqtt_5_is_spoken_to_in_the_older_way(inbox: Inbox, tmp_path: Path) -> None:
    """It closes the connection at a log-in of MQTT 5 and takes one of 3.1.1."""
    log_ins: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        log_in = await reader.read(100)
        log_ins.append(log_in[8])
        if log_in[8] == 5:
            writer.write(b"\x20\x02\x00\x01")
        else:
            writer.write(b"\x20\x02\x00\x00")
            subscription = await reader.read(200)
            writer.write(b"\x90\x03" + subscription[2:4] + b"\x01")
            writer.write(b'\x32\x1b\x00\x01t\x00\x07{"action":"emergency"}')
            await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        broker = Broker(port=server.sockets[0].getsockname()[1])
        driver = MqttDriver(
            [device("tuya-ts0215a-sos", "button", topic="t")],
            emit=inbox.emit,
            trouble=inbox.trouble,
            settings=MqttSettings(broker=broker),
        )
        async with subscribed(driver):
            await inbox.until(lambda: inbox.readings or inbox.troubles)
    assert log_ins == [5, 4]
    assert inbox.said("action") == ["emergency"]
