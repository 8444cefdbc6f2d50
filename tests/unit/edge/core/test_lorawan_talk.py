"""Downlinks and news of ChirpStack v4 and The Things Stack v3: topics and bytes in, values out."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.commanding import Outcome, Stage
from edge.core.envelopes import EnvelopeError, open_lorawan
from edge.core.lorawan_talk import (
    BatteryTold,
    Joined,
    Talk,
    downlink,
    news_topics,
    read_news,
    shared,
    talk_of,
)
from firmware_profiles import Downlink

KEY = "9b2f9c4e-7f2a-4d0e-9a51-0a4a8f0f3b11"
EUI = "0102030405060708"
CHIRPSTACK = f"application/5c1a/device/{EUI}/event/up"
THINGS_STACK = "v3/street@ttn/devices/well-7/up"
REBOOT = Downlink(85, b"\xff\x10\xff", True)


def test_a_device_is_known_by_the_topic_of_its_uplinks() -> None:
    assert talk_of(CHIRPSTACK) == Talk("chirpstack", f"application/5c1a/device/{EUI}/", EUI)
    assert talk_of(f"cn470/{CHIRPSTACK}") == Talk("chirpstack", f"cn470/application/5c1a/device/{EUI}/", EUI)
    assert talk_of(THINGS_STACK) == Talk("things_stack", "v3/street@ttn/devices/well-7/", "well-7")


@pytest.mark.parametrize(
    "topic", ["", "zigbee2mqtt/x", "application/1/device/zz/event/up", "v3/a/devices/b/down", "v3/a/b/c/up"]
)
def test_other_topics_are_nobodys(topic: str) -> None:
    assert talk_of(topic) is None


def test_chirpstacks_downlink() -> None:
    talk = talk_of(CHIRPSTACK)
    assert talk is not None
    topic, payload = downlink(talk, KEY, REBOOT)
    assert topic == f"application/5c1a/device/{EUI}/command/down"
    assert json.loads(payload) == {
        "id": KEY,
        "devEui": EUI,
        "confirmed": True,
        "fPort": 85,
        "data": base64.b64encode(b"\xff\x10\xff").decode(),
    }


def test_the_things_stacks_downlink() -> None:
    talk = talk_of(THINGS_STACK)
    assert talk is not None
    topic, payload = downlink(talk, KEY, REBOOT)
    assert topic == "v3/street@ttn/devices/well-7/down/push"
    (one,) = json.loads(payload)["downlinks"]
    assert (one["f_port"], one["frm_payload"], one["confirmed"]) == (85, "/xD/", True)
    assert one["correlation_ids"] == [f"sunwell:command:{KEY}"]


def test_an_id_that_the_network_would_not_give_back_is_refused() -> None:
    talk = talk_of(CHIRPSTACK)
    assert talk is not None
    with pytest.raises(ValueError, match="UUID"):
        downlink(talk, "c-1", REBOOT)


@pytest.mark.parametrize(
    ("what", "document", "wanted"),
    [
        ("event/ack", {"queueItemId": KEY, "acknowledged": True}, (True, Stage.DONE)),
        ("event/ack", {"queueItemId": KEY}, (False, Stage.DONE)),
        ("event/txack", {"queueItemId": KEY, "gatewayId": "x"}, (True, Stage.TRANSMITTED)),
        (
            "event/log",
            {"level": "ERROR", "code": "DOWNLINK_PAYLOAD_SIZE", "context": {"queue_item_id": KEY}},
            (False, Stage.DONE),
        ),
        ("down/queued", {"downlink_queued": {"correlation_ids": ["as:x", f"sunwell:command:{KEY}"]}}, None),
        ("down/sent", {"correlation_ids": [f"sunwell:command:{KEY}"], "downlink_sent": {}}, None),
        ("down/ack", {"correlation_ids": [f"sunwell:command:{KEY}"], "downlink_ack": {}}, None),
        (
            "down/nack",
            {"downlink_nack": {"correlation_ids": [f"sunwell:command:{KEY}"]}},
            (False, Stage.DONE),
        ),
        (
            "down/failed",
            {
                "downlink_failed": {
                    "downlink": {"correlation_ids": [f"sunwell:command:{KEY}"]},
                    "error": {"message_format": "f_port too small"},
                }
            },
            (False, Stage.DONE),
        ),
    ],
)
def test_outcomes(what: str, document: dict[str, Any], wanted: tuple[bool, Stage] | None) -> None:
    news = read_news(what, json.dumps(document).encode())
    assert isinstance(news, Outcome)
    assert news.key == KEY
    if wanted is not None:
        assert (news.ok, news.stage) == wanted
    else:
        assert news.ok


@pytest.mark.parametrize(
    ("what", "document"),
    [
        ("event/ack", {"acknowledged": True}),
        ("event/ack", {"queueItemId": "7", "acknowledged": True}),
        ("event/log", {"level": "INFO", "context": {"queue_item_id": KEY}}),
        ("event/log", {"level": "ERROR", "code": "UPLINK_CODEC"}),
        ("down/sent", {"correlation_ids": ["as:downlink:01"]}),
        ("down/sent", {"correlation_ids": "sunwell"}),
        ("down/failed", {"downlink_failed": 3}),
        ("other", {}),
    ],
)
def test_what_is_none_of_ours_is_nothing(what: str, document: dict[str, Any]) -> None:
    assert read_news(what, json.dumps(document).encode()) is None


@pytest.mark.parametrize(
    ("document", "percent"),
    [
        ({"margin": 10, "batteryLevel": 95.5}, 95.5),
        ({"margin": 10}, 0.0),  # its JSON leaves out what is zero
        ({"margin": 10, "batteryLevelUnavailable": True}, None),
        ({"margin": 10, "externalPowerSource": True}, None),
        ({"batteryLevel": "full"}, None),
        ({"batteryLevel": 255}, None),
    ],
)
def test_the_battery_as_the_network_knows_it(document: dict[str, Any], percent: float | None) -> None:
    assert read_news("event/status", json.dumps(document).encode()) == BatteryTold(percent)


def test_joins() -> None:
    assert read_news("event/join", b'{"devAddr":"01020304"}') == Joined()
    assert read_news("join", b'{"join_accept":{}}') == Joined()


def test_news_of_an_application_comes_by_few_subscriptions_and_never_with_an_uplink() -> None:
    for topic in (CHIRPSTACK, THINGS_STACK):
        talk = talk_of(topic)
        assert talk is not None
        filters = {shared(one) for one in news_topics(talk)}
        assert all("/+/" in one for one in filters)
        assert shared(topic) not in filters


@given(st.binary(), st.sampled_from(["event/ack", "event/status", "event/log", "down/failed", "down/sent"]))
def test_nothing_but_an_envelope_error_comes_out(payload: bytes, what: str) -> None:
    try:
        read_news(what, payload)
    except EnvelopeError:
        return


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["queueItemId", "correlation_ids", "context", "downlink_failed", "error", "x"]),
            inner,
        )
    ),
)


@given(
    st.dictionaries(st.sampled_from(["queueItemId", "correlation_ids", "context", "downlink_failed"]), JSON)
)
def test_no_shape_of_news_breaks_it(document: dict[str, Any]) -> None:
    payload = json.dumps(document).encode()
    for what in ("event/ack", "event/log", "event/status", "down/failed", "down/nack"):
        read_news(what, payload)


def test_an_uplink_without_a_time_has_its_receivers() -> None:
    uplink = {
        "deviceInfo": {},
        "fCnt": 1,
        "fPort": 85,
        "data": "AQ==",
        "rxInfo": [{"rssi": -101, "snr": 2, "nsTime": "2026-01-02T03:04:05Z"}, {"rssi": -60, "snr": 7.5}],
    }
    envelope = open_lorawan(json.dumps(uplink).encode())
    assert envelope is not None
    assert (envelope.time_ms, envelope.rssi_dbm, envelope.snr_db) == (1767323045000, -60, 7.5)
