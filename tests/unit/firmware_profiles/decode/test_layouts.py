"""Each decode kind: what it reads and what it refuses."""

from typing import Any

import pytest

from firmware_profiles import MessagePayload, Profile, Refusal, RegisterPayload, decode
from tests.unit.firmware_profiles.making import made, measure, message, registers, state

FIXED = {
    "kind": "fixed",
    "frames": {
        "data": {
            "match": {"port": [1, 2], "length": 4, "bytes": {"0": [1, 3]}},
            "fields": {"x": {"at": 1, "type": "u16"}, "y": {"at": 3}},
        },
        "alive": {"match": {"port": 9}},
        "log": {
            "match": {"port": 3, "minimum": 1},
            "fields": {"_unit": {"at": 0}},
            "records": {"at": 1, "length": 5, "fields": {"_t": {"at": 0, "type": "u32"}, "x": {"at": 4}}},
        },
    },
    "time": {"field": "_t"},
    "key": ["_unit", "_t"],
}
TLV = {
    "kind": "tlv",
    "ports": [85],
    "items": {
        "01 75": {"length": 1, "fields": {"y": {}}},
        "03 67": {"length": 2, "fields": {"x": {"type": "i16", "scale": 0.1}}},
        "20 CE": {
            "length": 6,
            "apart": True,
            "fields": {"_t": {"type": "u32"}, "x": {"at": 4, "type": "i16"}},
        },
        "FF": {"length": "prefixed", "fields": {"y": {"at": 1}}},
    },
    "time": {"field": "_t"},
}
FLAGS = {
    "kind": "flags",
    "ports": [1],
    "bytes": {"0": 2},
    "flags": {"at": 1, "type": "u16"},
    "start": 3,
    "groups": {"0": {"length": 2, "fields": {"x": {"type": "u16"}}}, "2": {"length": 1, "fields": {"y": {}}}},
}
POINTS = {"x": measure(), "y": measure(unit="%")}


def reason(profile: Profile, payload: MessagePayload | RegisterPayload) -> str:
    with pytest.raises(Refusal) as caught:
        decode(profile, payload)
    return caught.value.reason


def test_fixed_frames_are_chosen_by_port_length_and_bytes() -> None:
    profile = made(FIXED, POINTS)
    assert message(profile, "01 01 02 07", 1).points == {"x": 258, "y": 7}
    assert message(profile, "03 01 02 07", 2).points == {"x": 258, "y": 7}
    assert message(profile, "00", 9).points == {}
    assert message(profile, "01 01 02 07").points == {"x": 258, "y": 7}  # no port known: the rest decides
    assert reason(profile, MessagePayload(b"\x01\x01\x02\x07", 4)) == "unknown_port"
    assert reason(profile, MessagePayload(b"\x02\x01\x02\x07", 1)) == "unknown_layout"
    assert reason(profile, MessagePayload(b"\x01\x01\x02", 1)) == "unknown_layout"


def test_records_become_samples_with_their_own_time_and_key() -> None:
    body = bytes.fromhex("05 65 53 F1 03 0A 65 53 F1 04 0B 00")
    decoded = decode(made(FIXED, POINTS), MessagePayload(body, 3))
    assert [(dict(s.points), s.time_ms, s.key) for s in decoded.samples] == [
        ({"x": 10}, 1_700_000_003_000, "unit=5;t=1700000003"),
        ({"x": 11}, 1_700_000_004_000, "unit=5;t=1700000004"),
    ]
    assert decoded.notes == ("the last 1 bytes are no whole record",)


def test_tlv_reads_all_items() -> None:
    profile = made(TLV, POINTS)
    assert message(profile, "01 75 62 03 67 38 FF", 85).points == {"x": -20, "y": 98}
    assert message(profile, "FF 02 00 09", 85).points == {"y": 9}


def test_tlv_keeps_a_value_that_comes_twice() -> None:
    decoded = decode(made(TLV, POINTS), MessagePayload(bytes.fromhex("03670A00 03671400"), 85))
    assert [dict(sample.points) for sample in decoded.samples] == [{"x": 1}, {"x": 2}]


def test_tlv_history_is_apart() -> None:
    body = bytes.fromhex("017564 20CE03F153650A00 20CE04F153650B00")
    decoded = decode(made(TLV, POINTS), MessagePayload(body, 85))
    assert [(dict(s.points), s.time_ms) for s in decoded.samples] == [
        ({"y": 100}, None),
        ({"x": 10}, 1_700_000_003_000),
        ({"x": 11}, 1_700_000_004_000),
    ]


@pytest.mark.parametrize("tail", ["7E 7E 01", "03 67 01", "FF 09 01", "FF", "03"])
def test_tlv_keeps_what_came_before_an_unknown_or_cut_item(tail: str) -> None:
    decoded = decode(made(TLV, POINTS), MessagePayload(bytes.fromhex("017564" + tail), 85))
    assert [dict(sample.points) for sample in decoded.samples] == [{"y": 100}]
    assert len(decoded.notes) == 1


@pytest.mark.parametrize(
    ("body", "port", "why"),
    [
        ("7E 7E", 85, "unknown_layout"),
        ("03 67 01", 85, "truncated"),
        ("", 85, "empty"),
        ("01 75 64", 2, "unknown_port"),
        ("01 75 64" * 1_366, 85, "too_long"),
    ],
)
def test_tlv_refuses(body: str, port: int, why: str) -> None:
    assert reason(made(TLV, POINTS), MessagePayload(bytes.fromhex(body), port)) == why


def test_tlv_with_the_length_first() -> None:
    items: dict[str, Any] = {
        "0B 06": {"length": "rest", "fields": {"y": {}}},
        "02 01": {"length": "rest", "fields": {"x": {"type": "f32", "order": "big"}}},
    }
    profile = made({"kind": "tlv", "length_first": True, "items": items}, POINTS)
    assert message(profile, "03 0B 06 5D 06 02 01 41 A6 66 66").points == {"y": 93, "x": 20.8}
    assert reason(profile, MessagePayload(bytes.fromhex("09 0B 06 5D"))) == "truncated"


def test_flags_choose_groups_from_the_lowest() -> None:
    profile = made(FLAGS, POINTS)
    assert message(profile, "02 00 05 01 02 07", 1).points == {"x": 258, "y": 7}
    assert message(profile, "02 00 04 07", 1).points == {"y": 7}
    assert message(profile, "02 00 00", 1).points == {}


def test_flags_stop_at_a_group_that_nobody_knows() -> None:
    decoded = decode(made(FLAGS, POINTS), MessagePayload(bytes.fromhex("02 00 07 01 02 07 07")))
    assert [dict(sample.points) for sample in decoded.samples] == [{"x": 258}]
    assert decoded.notes == ("flag 1 is set, no group of this profile: nothing after it was read",)


@pytest.mark.parametrize(
    ("body", "port", "why"),
    [
        ("01 00 00", 1, "unknown_layout"),
        ("02 00 01 01", 1, "truncated"),
        ("02", 1, "truncated"),
        ("02", 9, "unknown_port"),
    ],
)
def test_flags_refuse(body: str, port: int, why: str) -> None:
    assert reason(made(FLAGS, POINTS), MessagePayload(bytes.fromhex(body), port)) == why


def register_profile(**field: Any) -> Profile:
    part = {
        "kind": "registers",
        "reads": [
            {"address": 0, "count": 20, "every": "1s"},
            {"fc": 2, "address": 0, "count": 8, "every": "1s"},
        ],
        "fields": {"x": {"address": 0, **field}},
    }
    return made(part, {"x": measure()})


@pytest.mark.parametrize(
    ("kind", "order", "words", "value"),
    [
        ("f32", "ABCD", [49478, 0], -12.375),
        ("f32", "CDAB", [0, 49478], -12.375),
        ("f32", "BADC", [18113, 0], -12.375),
        ("f32", "DCBA", [0, 18113], -12.375),
        ("i32", "ABCD", [65534, 7616], -123456),
        ("i32", "CDAB", [7616, 65534], -123456),
        ("i32", "BADC", [65279, 49181], -123456),
        ("i32", "DCBA", [49181, 65279], -123456),
        ("u16", "AB", [258], 258),
        ("u16", "BA", [258], 513),
        ("i16", "AB", [65535], -1),
        ("u64", "ABCD", [0, 0, 1, 2], 65538),
        ("u64", "CDAB", [2, 1, 0, 0], 65538),
        ("bcd16", "AB", [0x0209], 209),
        ("u8", "AB", [0x0102], 2),
        ("i8", "AB", [0x00FF], -1),
        ("u24", "ABCD", [0x0001, 0x0203], 0x010203),
    ],
)
def test_registers_in_all_orders(kind: str, order: str, words: list[int], value: float) -> None:
    assert registers(register_profile(type=kind, order=order), 0, *words).points == {"x": value}


def test_registers_of_packed_records() -> None:
    assert registers(register_profile(type="u16", byte=1), 0, 5124, 26368).points == {"x": 1127}
    assert registers(register_profile(type="i8", byte=2), 0, 0, 0xFB00).points == {"x": -5}


def test_registers_of_bits() -> None:
    assert registers(register_profile(fc=2), 0, 1, fc=2).points == {"x": 1}


def test_a_part_of_the_registers_gives_a_part_of_the_values() -> None:
    part = {
        "kind": "registers",
        "reads": [{"address": 0, "count": 2, "every": "1s"}, {"address": 9, "count": 1, "every": "2s"}],
        "fields": {"x": {"address": 0, "type": "u32"}, "y": {"address": 9}},
    }
    profile = made(part, POINTS)
    assert registers(profile, 9, 4).points == {"y": 4}
    assert registers(profile, 1, 7, 0, 0, 0, 0, 0, 0, 0, 4).points == {"y": 4}  # half a number is none
    assert reason(profile, RegisterPayload({(4, 0): 1})) == "no_values"
    assert reason(profile, RegisterPayload({(3, 9): 70_000})) == "no_values"


def test_json_paths() -> None:
    fields = {"x": {"path": "a.b[1].c"}, "y": {"path": ["dotted.key", 0]}}
    profile = made({"kind": "json", "fields": fields}, POINTS)
    assert message(profile, b'{"a": {"b": [0, {"c": 5}]}, "dotted.key": [6]}').points == {"x": 5, "y": 6}
    assert message(profile, b'{"a": {"b": [0, {"c": null}]}}').points == {}
    assert reason(profile, MessagePayload(b'{"a": {"b": [0]}}')) == "no_values"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "empty"),
        (b"{", "not_json"),
        (b"online", "not_json"),
        (b"\xff\xfe{}", "not_json"),
        (b'{"x": NaN}', "not_json"),
        (b'{"x": "\xff"}', "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"x":' * 20_000 + b"1" + b"}" * 20_000, "not_json"),
        (b"[1]", "not_an_object"),
        (b"5", "not_an_object"),
        (b"{}", "no_values"),
        (b" " * 1_048_577, "too_long"),
    ],
)
def test_json_refuses(body: bytes, why: str) -> None:
    assert (
        reason(made({"kind": "json", "fields": {"x": {"path": "x"}}}, {"x": measure()}), MessagePayload(body))
        == why
    )


@pytest.mark.parametrize("number", [b"1" * 5_000, b"1e400"])
def test_a_number_that_json_readers_do_not_take_refuses_the_message(number: bytes) -> None:
    profile = made({"kind": "json", "fields": {"x": {"path": "x"}}}, {"x": measure()})
    assert reason(profile, MessagePayload(b'{"x": ' + number + b"}")) == "not_json"


@pytest.mark.parametrize("number", [b"-" + b"9" * 60, b"1" + b"0" * 30, b"1e300"])
def test_a_monstrous_number_is_no_number(number: bytes) -> None:
    profile = made({"kind": "json", "fields": {"x": {"path": "x"}, "y": {"path": "y"}}}, POINTS)
    sample = message(profile, b'{"x": ' + number + b', "y": 1}')
    assert sample.points == {"y": 1}
    assert sample.status == {"x": "unreadable"}


def test_messages_and_registers_are_not_confused() -> None:
    assert reason(made(TLV, POINTS), RegisterPayload({})) == "wrong_payload"
    assert reason(register_profile(), MessagePayload(b"\x01")) == "wrong_payload"


def test_route_sends_one_frame_to_the_point_of_its_code() -> None:
    part = {
        "kind": "fixed",
        "frames": {
            "event": {"fields": {"_type": {"at": 0}, "_phase": {"at": 1, "enum": {"1": "on", "2": "off"}}}}
        },
        "derive": {"r": {"kind": "route", "from": "_phase", "by": "_type", "to": {"0": "fall", "1": "sos"}}},
    }
    profile = made(part, {"fall": state("on", "off", kind="event"), "sos": state("on", "off", kind="event")})
    assert message(profile, "00 01").points == {"fall": "on"}
    assert message(profile, "01 02").points == {"sos": "off"}
    assert message(profile, "02 02").points == {}


def test_any_of_makes_a_state_out_of_a_code() -> None:
    part = {
        "kind": "fixed",
        "frames": {"all": {"fields": {"_code": {"at": 0}}}},
        "derive": {"open": {"kind": "any_of", "from": "_code", "values": [3, 4]}},
    }
    profile = made(part, {"open": state("true", "false")})
    assert [message(profile, code).points["open"] for code in ("03", "04", "05")] == [True, True, False]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("00 05 00 05", False),
        ("FF FF 00 05", True),
        ("FF FF FF FF", True),
        ("00 05", False),
        ("FF FF", True),
    ],
)
def test_fault_is_true_while_a_sensor_answers_without_a_value(body: str, fault: bool) -> None:
    field = {"type": "u16", "sentinels": {"0xFFFF": "error"}}
    part = {
        "kind": "fixed",
        "frames": {
            "two": {"match": {"length": 4}, "fields": {"x": {"at": 0, **field}, "y": {"at": 2, **field}}},
            "one": {"fields": {"x": {"at": 0, **field}}},
        },
        "derive": {"broken": {"kind": "fault", "from": ["x", "y"]}},
    }
    profile = made(part, {**POINTS, "broken": state("true", "false")})
    assert message(profile, body).points["broken"] is fault


def test_what_the_installer_has_not_set_is_no_fault() -> None:
    part = {
        "kind": "fixed",
        "frames": {"all": {"fields": {"x": {"below": {"parameter": "height"}}}}},
        "derive": {"broken": {"kind": "fault", "from": "x"}},
    }
    height = {"height": {"name": {"zh": "高", "en": "h"}, "unit": "mm"}}
    profile = made(part, {"x": measure(), "broken": state("true", "false")}, parameters=height)
    assert profile.required_parameters == ("height",)
    assert message(profile, "05").points == {}
    assert message(profile, "05", None, height=9).points == {"x": 4, "broken": False}


@pytest.mark.parametrize(
    ("value", "unit", "zone", "time_ms"),
    [
        (b"1700000003", "s", "+00:00", 1_700_000_003_000),
        (b"1700000003123", "ms", "+00:00", 1_700_000_003_123),
        (b'"2023-11-15 06:13:23"', "iso", "+08:00", 1_700_000_003_000),
        (b'"2023-11-14T22:13:23Z"', "iso", "+08:00", 1_700_000_003_000),
        (b"0", "s", "+00:00", None),
        (b"-5", "s", "+00:00", None),
        (b"1e18", "s", "+00:00", None),
        (b"1.7e308", "s", "+00:00", None),
        (b"-1.7e308", "ms", "+00:00", None),
        (b"true", "s", "+00:00", None),
        (b'"soon"', "iso", "+00:00", None),
        (b'"1700000003"', "s", "+00:00", None),
    ],
)
def test_the_time_of_the_device(value: bytes, unit: str, zone: str, time_ms: int | None) -> None:
    part = {
        "kind": "json",
        "fields": {"_t": {"path": "t"}, "x": {"path": "x"}},
        "time": {"field": "_t", "unit": unit, "zone": zone},
    }
    sample = message(made(part, {"x": measure()}), b'{"x": 1, "t": ' + value + b"}")
    assert sample.points == {"x": 1}
    assert sample.time_ms == time_ms


def test_frames_beside_flags_are_tried_first() -> None:
    part = {
        "kind": "flags",
        "bytes": {"0": 1},
        "flags": {"at": 1},
        "start": 2,
        "groups": {"0": {"length": 1, "fields": {"level": {}}}},
        "frames": {"info": {"match": {"bytes": {"0": 12}}, "fields": {"battery": {"at": 2}}}},
    }
    profile = made(part, {"level": measure(), "battery": measure("%")})
    assert message(profile, "01 01 07").points == {"level": 7}
    assert message(profile, "0C 01 07").points == {"battery": 7}
    with pytest.raises(Refusal, match="byte 0 is 0x02"):
        message(profile, "02 01 07")
    with pytest.raises(Refusal, match="battery would end at byte 3"):
        message(profile, "0C 01")
