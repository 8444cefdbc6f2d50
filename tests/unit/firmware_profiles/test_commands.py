"""Commands of profiles: the makers' examples, and that nothing outside a description is ever encoded."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_profiles import (
    CommandRefusedError,
    Downlink,
    ProfileErrors,
    Publication,
    RegisterOrder,
    load_catalogue,
    order_of,
)
from tests.unit.firmware_profiles.making import made, measure

CATALOGUE = load_catalogue()
NAME = {"zh": "名", "en": "name"}
FRAME = {"kind": "json", "fields": {"level": {"path": "level"}}}
REGISTERS = {
    "kind": "registers",
    "fc": 3,
    "reads": [{"address": 0, "count": 1, "every": "10s"}],
    "fields": {"level": {"address": 0}},
}


def with_command(
    send: dict[str, Any], parameters: dict[str, Any], example: dict[str, Any], layout: dict[str, Any] = FRAME
) -> Any:
    command = {
        "name": NAME,
        "source": "test",
        "send": send,
        "parameters": {key: {"name": NAME} | value for key, value in parameters.items()},
        "examples": [example],
    }
    transport = {"lorawan": "lorawan", "message": "mqtt", "registers": "modbus"}[send["kind"]]
    return made(layout, {"level": measure()}, transport=transport, commands={"act": command})


@pytest.mark.parametrize(
    ("profile", "name", "arguments", "wanted"),
    [
        (
            "milesight-em300-sld",
            "report_interval",
            {"seconds": 1200},
            Downlink(85, b"\xff\x03\xb0\x04", False),
        ),
        ("milesight-ws101", "reboot", {}, Downlink(85, b"\xff\x10\xff", False)),
        ("milesight-ws101", "buzzer", {"state": "off"}, Downlink(85, b"\xff\x3e\x00", False)),
        ("milesight-vs370", "report_interval", {"minutes": 20}, Downlink(85, b"\xff\x8e\x01\x14\x00", False)),
        ("dragino-lht65", "report_interval", {"seconds": 600}, Downlink(1, b"\x01\x00\x02\x58", False)),
        ("dragino-lht65", "reboot", {}, Downlink(1, b"\x04\xff", False)),
        ("calex-pyrousb", "emissivity", {"emissivity": 0.95}, RegisterOrder("register", 24, (9500,))),
        ("xy-md02", "temperature_correction", {"correction": -1.5}, RegisterOrder("register", 259, (65521,))),
        (
            "sonoff-snzb-06p",
            "occupancy_timeout",
            {"seconds": 60},
            Publication("{topic}/set", b'{"occupancy_timeout":60}'),
        ),
    ],
)
def test_the_makers_examples(profile: str, name: str, arguments: dict[str, Any], wanted: object) -> None:
    assert order_of(CATALOGUE[profile], name, arguments) == wanted


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "seconds: is missing"),
        ({"seconds": 59}, "must be 60 to 64800, got 59"),
        ({"seconds": 64801}, "must be 60 to 64800"),
        ({"seconds": 60.5}, "must be a multiple of 1"),
        ({"seconds": "60"}, "must be a number"),
        ({"seconds": True}, "must be a number"),
        ({"seconds": float("nan")}, "must be a number"),
        ({"seconds": float("inf")}, "must be a number"),
        ({"seconds": [60]}, "must be a number"),
        ({"seconds": 600, "second": 1}, "is no parameter of this command"),
    ],
)
def test_other_arguments_are_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(CommandRefusedError, match=said):
        order_of(CATALOGUE["milesight-em300-sld"], "report_interval", arguments)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(CommandRefusedError) as caught:
        order_of(CATALOGUE["milesight-ws101"], "buzzer", {"state": "loud", "volume": 3})
    assert len(caught.value.reasons) == 2


def test_an_unknown_command_names_the_nearest() -> None:
    with pytest.raises(CommandRefusedError, match="reboot"):
        order_of(CATALOGUE["milesight-ws101"], "rebot", {})


@given(
    arguments=st.dictionaries(
        st.sampled_from(["seconds", "state", "level", "x"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()),
    )
)
def test_no_argument_breaks_the_encoder(arguments: dict[str, Any]) -> None:
    for profile in ("milesight-ws101", "sonoff-snzb-06p", "calex-pyrousb"):
        for name in CATALOGUE[profile].commands:
            try:
                order = order_of(CATALOGUE[profile], name, arguments)
            except CommandRefusedError:
                continue
            if isinstance(order, Publication):
                json.loads(order.payload)


@pytest.mark.parametrize(
    ("send", "parameters", "example", "said"),
    [
        (
            {"kind": "lorawan", "port": 1, "hex": "01 {a:u8}"},
            {"a": {"range": [0, 256]}},
            {"arguments": {"a": 1}, "hex": "01 01"},
            "a u8 from 0 to 255",
        ),
        (
            {"kind": "lorawan", "port": 1, "hex": "01 {a:u8}"},
            {"a": {"range": [0, 9]}},
            {"arguments": {"a": 1}, "hex": "01 02"},
            "gives hex 01 01",
        ),
        (
            {"kind": "lorawan", "port": 1, "hex": "01 {b:u8}"},
            {"a": {"range": [0, 9]}},
            {"arguments": {"a": 1}, "hex": "01 01"},
            "stands nowhere in send",
        ),
        (
            {"kind": "lorawan", "port": 1, "hex": "01 {a:u8}"},
            {"a": {"choices": {"on": {"name": NAME}}}},
            {"arguments": {"a": "on"}, "hex": "01 01"},
            "bytes and registers carry numbers",
        ),
        (
            {"kind": "message", "json": {"a": "{a}"}},
            {"a": {}},
            {"arguments": {"a": 1}, "json": {"a": 1}},
            "needs either range or choices",
        ),
        (
            {"kind": "message", "topic": "elsewhere/set", "json": {}},
            {},
            {"json": {}},
            "topic",
        ),
        (
            {"kind": "registers", "address": 1, "values": ["{a}"]},
            {"a": {"range": [0, 70000]}},
            {"arguments": {"a": 1}, "values": [1]},
            "its place from -32768",
        ),
        (
            {"kind": "registers", "address": 1, "values": ["a"]},
            {},
            {"values": [1]},
            "commands.act.send.values",
        ),
    ],
)
def test_a_wrong_description_is_refused_with_its_place(
    send: dict[str, Any], parameters: dict[str, Any], example: dict[str, Any], said: str
) -> None:
    layout = REGISTERS if send["kind"] == "registers" else FRAME
    with pytest.raises(ProfileErrors, match=said):
        with_command(send, parameters, example, layout)


def test_nested_documents_and_coils() -> None:
    profile = with_command(
        {
            "kind": "message",
            "topic": "{topic}/cmd/warn",
            "json": {"warning": {"mode": "x", "for": ["{s}", 1]}},
        },
        {"s": {"range": [1, 1800], "default": 10}},
        {"arguments": {"s": 5}, "json": {"warning": {"mode": "x", "for": [5, 1]}}},
    )
    order = order_of(profile, "act", {})
    assert order == Publication("{topic}/cmd/warn", b'{"warning":{"mode":"x","for":[10,1]}}')
    coils = with_command(
        {"kind": "registers", "address": 3, "values": ["{a}", 0], "coils": True},
        {"a": {"choices": {"on": {"name": NAME, "code": 1}, "off": {"name": NAME, "code": 0}}}},
        {"arguments": {"a": "on"}, "values": [1, 0]},
        REGISTERS,
    )
    assert order_of(coils, "act", {"a": "on"}) == RegisterOrder("coil", 3, (1, 0))
