"""What platforms and terminals push, taken apart."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.envelopes import EnvelopeError
from edge.core.hikvision import events, name_of
from edge.core.pushes import (
    MOST_ITEMS,
    SHAPES,
    Content,
    Kind,
    Payload,
    Shape,
    content_of,
    find,
    identity_text,
    items_of,
)

AT = "2026-03-02T08:15:04+08:00"
AT_MS = 1_772_410_504_000


def contents(kind: Kind, *documents: Any) -> list[Content | None]:
    shape = SHAPES[kind]
    return [content_of(shape, item) for item in items_of(shape, documents)]


def only(kind: Kind, document: Any) -> Content:
    (content,) = contents(kind, document)
    assert content is not None
    return content


def test_the_person_is_gone_before_anything_else_happens() -> None:
    terminal = {
        "eventType": "AccessControllerEvent",
        "dateTime": AT,
        "deviceName": "Hall",
        "AccessControllerEvent": {
            "serialNo": 7,
            "currTemperature": 38.2,
            "name": "王芳",
            "employeeNoString": "362532198903201339",
            "cardNo": "001",
            "pictureURL": "http://192.0.2.7/face.jpeg",
            "FaceRect": {"height": 0.3},
        },
    }
    (event,) = events([terminal])
    assert event == {
        "eventType": "AccessControllerEvent",
        "dateTime": AT,
        "AccessControllerEvent": {"serialNo": 7, "currTemperature": 38.2, "thermometryUnit": "celsius"},
    }
    assert name_of(event) == f"7@{AT}"
    assert events([{"EventNotificationAlert": terminal}]) == [event]
    assert only("hikvision", terminal).name == f"7@{AT}"


def test_a_heartbeat_has_no_name_so_that_each_is_heard() -> None:
    assert only("hikvision", {"eventType": "heartBeat", "dateTime": AT}).name is None


def test_a_delivery_is_named_only_by_its_sender_s_time_or_id() -> None:
    press = {"device": "a", "sos": 1}
    assert only("webhook", press).name is None
    timed = only("webhook", {**press, "time": AT})
    assert (timed.time_ms, timed.name) == (AT_MS, only("webhook", {**press, "time": AT}).name)
    assert timed.name != only("webhook", {**press, "time": AT, "sos": 0}).name
    assert only("webhook", {**press, "id": 4}).name != only("webhook", {**press, "id": 5}).name


@pytest.mark.parametrize(
    ("written", "time_ms"),
    [
        (AT, AT_MS),
        ("20260302T001504Z", AT_MS),
        (AT_MS, AT_MS),
        (AT_MS // 1000, AT_MS),
        (str(AT_MS), AT_MS),
        ("2026-03-02 08:15:04", None),
        ("soon", None),
        (True, None),
        (float("inf"), None),
        ([1], None),
    ],
)
def test_times_as_platforms_write_them(written: Any, time_ms: int | None) -> None:
    content = content_of(SHAPES["webhook"], {"device": "a", "time": written})
    assert content is not None
    assert content.time_ms == time_ms
    assert (content.time_problem is None) == (time_ms is not None)


def test_ctwing_opaque_and_decoded() -> None:
    frame = base64.b64encode(b"\x01\x02").decode()
    message = {"IMEI": "8600", "timestamp": AT_MS, "payload": {"APPdata": frame}}
    assert only("ctwing", message).body == b"\x01\x02"
    assert json.loads(only("ctwing", {**message, "payload": {"level": 3}}).body) == {"level": 3}
    assert contents("ctwing", {"messageType": "deviceOnlineOfflineReport", "eventType": 1}) == [None]
    with pytest.raises(EnvelopeError, match="not base64"):
        contents("ctwing", {**message, "payload": {"APPdata": "***"}})


def test_onenet_in_its_forms() -> None:
    point = {"imei": "8600", "at": AT_MS, "value": "{\"a\": 1}"}  # fmt: skip
    for document in ({"msg": point}, {"msg": json.dumps(point)}, {"msg": [point]}):
        content = only("onenet", document)
        assert (content.body, content.time_ms) == (b'{"a": 1}', AT_MS)
    wrong: dict[str, Any]
    for wrong in ({"msg": "{"}, {}, {"msg": 3}, {"msg": []}):
        with pytest.raises(EnvelopeError):
            contents("onenet", wrong)


def test_each_service_of_iotda_is_a_message_of_its_device() -> None:
    document = {
        "resource": "device.property",
        "event_time": "20260302T001504Z",
        "notify_data": {
            "header": {"device_id": "p_n", "node_id": "n"},
            "body": {
                "services": [
                    {"service_id": "level", "properties": {"mm": 3}},
                    {"service_id": "cover", "properties": {"open": 1}, "event_time": "20260302T001505Z"},
                ]
            },
        },
    }
    items = items_of(SHAPES["iotda"], [document])
    assert [find(item, "header.node_id") for item in items] == ["n", "n"]
    first, second = contents("iotda", document)
    assert first is not None
    assert second is not None
    assert (first.body, first.time_ms) == (b'{"mm":3}', AT_MS)
    assert (second.body, second.time_ms) == (b'{"open":1}', AT_MS + 1_000)


@pytest.mark.parametrize(
    ("encoding", "text"), [("hex", "01 02"), ("base64", "AQI="), ("text", "\x01\x02"), ("json", "\x01\x02")]
)
def test_encodings(encoding: Any, text: str) -> None:
    shape = Shape(items=SHAPES["webhook"].items, identity=(), payloads=(Payload("data", encoding),))
    content = content_of(shape, {"data": text})
    assert content is not None
    assert content.body == b"\x01\x02"


def test_a_flood_of_messages_in_one_is_refused() -> None:
    with pytest.raises(EnvelopeError, match="more than the"):
        contents("webhook", [{"a": 1}] * (MOST_ITEMS + 1))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("AB:CD ", "ab:cd"),
        (8600, "8600"),
        ("", None),
        (True, None),
        (None, None),
        ("x" * 200, None),
        ([], None),
    ],
)
def test_identities(value: Any, text: str | None) -> None:
    assert identity_text(value) == text


KEYS = [
    "msg",
    "notify_data",
    "header",
    "body",
    "services",
    "payload",
    "APPdata",
    "properties",
    "time",
    "timestamp",
    "value",
    "at",
    "data",
    "IMEI",
    "AccessControllerEvent",
    "serialNo",
    "dateTime",
    "currTemperature",
    "EventNotificationAlert",
    "eventType",
    "event_time",
    "device",
    "id",
    "params",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=25,
)


@given(kind=st.sampled_from(sorted(SHAPES)), documents=st.lists(JSON, max_size=3))
def test_any_document_gives_contents_or_an_envelope_error(kind: Kind, documents: list[Any]) -> None:
    shape = SHAPES[kind]
    try:
        for item in items_of(shape, documents):
            content = content_of(shape, item)
            assert content is None or isinstance(content.body, bytes)
    except EnvelopeError as error:
        assert str(error)  # noqa: PT017 - either is well
