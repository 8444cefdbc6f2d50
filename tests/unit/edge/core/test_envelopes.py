"""Taking messages out of their wrapping."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.envelopes import (
    MAXIMUM_BODY_BYTES,
    OPENERS,
    EnvelopeError,
    EnvelopeFault,
    open_lorawan,
    open_plain,
    open_zigbee2mqtt,
    read_time,
)

FRAME = bytes.fromhex("017560FF2E01")
CHIRPSTACK: dict[str, Any] = {
    "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
    "time": "2026-07-18T09:34:15.775023242+00:00",
    "deviceInfo": {"devEui": "24e124fffef00001", "tags": {}},
    "devAddr": "00189440",
    "fCnt": 4,
    "fPort": 85,
    "data": base64.b64encode(FRAME).decode(),
    "rxInfo": [{"gatewayId": "a", "rssi": -97, "snr": 3.5}, {"gatewayId": "b", "rssi": -36, "snr": 10.5}],
}
THINGS_STACK: dict[str, Any] = {
    "end_device_ids": {"device_id": "button-1", "dev_eui": "24E124FFFEF00001"},
    "received_at": "2026-07-18T09:34:16Z",
    "uplink_message": {
        "session_key_id": "AYHc",
        "f_port": 85,
        "f_cnt": 4,
        "frm_payload": base64.b64encode(FRAME).decode(),
        "rx_metadata": [{"gateway_ids": {"gateway_id": "a"}, "rssi": -36, "snr": 10.5}],
        "received_at": "2026-07-18T09:34:15.775Z",
    },
}
MOMENT_MS = 1_784_367_255_775


def packed(value: Any) -> bytes:
    return json.dumps(value).encode()


def without(value: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: part for name, part in value.items() if name not in names}


@pytest.mark.parametrize("uplink", [CHIRPSTACK, THINGS_STACK], ids=["chirpstack", "things stack"])
def test_an_uplink_is_told_by_its_shape(uplink: dict[str, Any]) -> None:
    envelope = open_lorawan(packed(uplink))
    assert envelope is not None
    assert (envelope.body, envelope.port, envelope.time_ms) == (FRAME, 85, MOMENT_MS)
    assert (envelope.rssi_dbm, envelope.snr_db) == (-36, 10.5)
    assert envelope.key


def test_an_uplink_delivered_twice_has_one_key_and_the_next_has_another() -> None:
    once, again = open_lorawan(packed(CHIRPSTACK)), open_lorawan(packed(CHIRPSTACK))
    following = open_lorawan(packed({**CHIRPSTACK, "deduplicationId": "other"}))
    assert once is not None
    assert again is not None
    assert following is not None
    assert once.key == again.key != following.key


def test_a_counter_that_starts_anew_does_not_repeat_a_key() -> None:
    first = open_lorawan(packed(without(CHIRPSTACK, "deduplicationId")))
    later = open_lorawan(packed({**without(CHIRPSTACK, "deduplicationId"), "time": "2026-07-19T00:00:00Z"}))
    joined = open_lorawan(
        packed({**THINGS_STACK, "uplink_message": {**THINGS_STACK["uplink_message"], "session_key_id": "B"}})
    )
    assert first is not None
    assert later is not None
    assert joined is not None
    assert len({first.key, later.key, joined.key}) == 3


@pytest.mark.parametrize(
    "uplink",
    [
        without(CHIRPSTACK, "data"),
        {**CHIRPSTACK, "data": ""},
        {**THINGS_STACK, "uplink_message": without(THINGS_STACK["uplink_message"], "frm_payload")},
    ],
)
def test_an_uplink_without_application_bytes_is_nothing(uplink: dict[str, Any]) -> None:
    assert open_lorawan(packed(uplink)) is None


@pytest.mark.parametrize(
    ("payload", "fault", "where"),
    [
        (b"", EnvelopeFault.JSON, "message"),
        (b"\xff\xfe", EnvelopeFault.TEXT, "byte 0"),
        (b'{"a":"\xc3"}', EnvelopeFault.TEXT, "byte 6"),
        (b"{", EnvelopeFault.JSON, "message"),
        (b"{} {}", EnvelopeFault.JSON, "message"),
        (b"[" * 50_000, EnvelopeFault.JSON, "message"),
        (b"[]", EnvelopeFault.SHAPE, "message"),
        (b"null", EnvelopeFault.SHAPE, "message"),
        (b"{}", EnvelopeFault.SHAPE, "uplink"),
        (b" " * (MAXIMUM_BODY_BYTES + 1), EnvelopeFault.OVERSIZED, "message"),
        (packed({**CHIRPSTACK, "data": "!!!"}), EnvelopeFault.SHAPE, "data"),
        (packed({**CHIRPSTACK, "data": 7}), EnvelopeFault.SHAPE, "data"),
        (packed({**CHIRPSTACK, "fPort": 256}), EnvelopeFault.SHAPE, "fPort"),
        (packed({**CHIRPSTACK, "fPort": True}), EnvelopeFault.SHAPE, "fPort"),
        (packed({"uplink_message": []}), EnvelopeFault.SHAPE, "uplink_message"),
        (
            packed({"uplink_message": {"frm_payload": "é"}}),
            EnvelopeFault.SHAPE,
            "uplink_message.frm_payload",
        ),
        (
            packed({"uplink_message": {"frm_payload": "AA==", "f_port": -1}}),
            EnvelopeFault.SHAPE,
            "uplink_message.f_port",
        ),
    ],
)
def test_what_cannot_be_read_says_where_and_what(payload: bytes, fault: EnvelopeFault, where: str) -> None:
    with pytest.raises(EnvelopeError) as caught:
        open_lorawan(payload)
    assert (caught.value.fault, caught.value.where) == (fault, where)
    assert str(caught.value).startswith(f"{where}: ")


@pytest.mark.parametrize("uplink", [packed(CHIRPSTACK), packed(THINGS_STACK)])
def test_every_cut_is_refused(uplink: bytes) -> None:
    for end in range(len(uplink)):
        with pytest.raises(EnvelopeError):
            open_lorawan(uplink[:end])
    with pytest.raises(EnvelopeError):
        open_lorawan(uplink + b"}")


@pytest.mark.parametrize(
    ("last_seen", "time_ms"),
    [
        (MOMENT_MS, MOMENT_MS),
        (float(MOMENT_MS), MOMENT_MS),
        ("2026-07-18T09:34:15.775Z", MOMENT_MS),
        ("2026-07-18T17:34:15+08:00", MOMENT_MS - 775),
        (None, None),
    ],
)
def test_zigbee2mqtts_time_is_the_devices(last_seen: object, time_ms: int | None) -> None:
    payload = packed({"action": "emergency", "last_seen": last_seen})
    envelope = open_zigbee2mqtt(payload)
    assert (envelope.body, envelope.time_ms, envelope.time_problem) == (payload, time_ms, None)


@pytest.mark.parametrize("last_seen", ["yesterday", "2026-07-18T09:34:15", True, [1], "", {}])
def test_a_time_that_cannot_be_read_does_not_lose_the_press(last_seen: object) -> None:
    payload = packed({"action": "emergency", "last_seen": last_seen})
    envelope = open_zigbee2mqtt(payload)
    assert envelope.time_ms is None
    assert envelope.time_problem is not None
    assert envelope.time_problem.startswith("last_seen: ")


def test_a_plain_payload_stays_as_it_is() -> None:
    assert open_plain(b"\x00\xff").body == b"\x00\xff"
    with pytest.raises(EnvelopeError, match="more than the 65536 allowed"):
        open_plain(b"\0" * (MAXIMUM_BODY_BYTES + 1))


def test_a_time_is_cut_to_the_millisecond_never_rounded() -> None:
    assert read_time("1970-01-01T00:00:00.000999999Z") == 0
    assert read_time("1969-12-31T23:59:59.9999Z") == -1


@given(st.binary(max_size=300), st.sampled_from(sorted(OPENERS)))
def test_nothing_but_an_envelope_error_comes_out(payload: bytes, transport: str) -> None:
    try:
        OPENERS[transport](payload)
    except EnvelopeError as error:
        assert error.where  # noqa: PT017 - either way is right; only its kind is pinned


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda part: (
            st.lists(part, max_size=3)
            | st.dictionaries(
                st.sampled_from([*CHIRPSTACK, *THINGS_STACK, *THINGS_STACK["uplink_message"], "last_seen"]),
                part,
                max_size=8,
            )
        ),
        max_leaves=20,
    ),
    st.sampled_from(sorted(OPENERS)),
)
def test_no_shape_of_json_breaks_it(value: object, transport: str) -> None:
    try:
        OPENERS[transport](packed(value))
    except EnvelopeError as error:
        assert error.what  # noqa: PT017 - either way is right; only its kind is pinned
