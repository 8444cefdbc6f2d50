"""A Modbus address as people give it: the gateway's driver takes whatever passes here."""

from typing import Any

import pytest
from pydantic import ValidationError

from edge.drivers.modbus.addresses import parse_address
from server.devices.schemas import ADDRESSES

GOOD: tuple[dict[str, Any], ...] = (
    {"host": "10.0.0.5"},
    {"host": "10.0.0.5", "port": 5020, "unit": 0, "timeout_ms": 1_500},
    {"host": "bridge", "framer": "rtu", "baud": 9_600, "spacing_ms": 100, "guard_ms": 5},
    {"serial": "/dev/ttyUSB0"},
    {"serial": "/dev/ttyUSB0", "baud": 19_200, "parity": "E", "stop_bits": 1, "unit": 247},
    {"host": "h", "wake": {"fc": 6, "address": 3, "value": 1, "pause_ms": 20}},
    {"host": "h", "wake": {}},
)


@pytest.mark.parametrize("address", GOOD)
def test_what_passes_is_what_the_driver_takes(address: dict[str, Any]) -> None:
    kept = ADDRESSES["modbus"].model_validate(address).model_dump()
    assert None not in kept.values()
    assert parse_address(kept) == parse_address(address)


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ({}, "host"),
        ({"host": ""}, "host"),
        ({"serial": "/dev/ttyUSB0", "host": "h"}, "host"),
        ({"serial": "/dev/ttyUSB0", "port": 502}, "port"),
        ({"serial": "/dev/ttyUSB0", "framer": "rtu"}, "framer"),
        ({"serial": "COM3"}, "serial"),
        ({"serial": "/dev/ttyUSB0", "unit": 248}, "unit"),
        ({"host": "h", "framer": "rtu", "unit": 0}, "unit"),
        ({"host": "h", "parity": "E"}, "parity"),
        ({"host": "h", "timeout_ms": 0}, "timeout_ms"),
        ({"host": "h", "wake": {"fc": 16}}, "wake"),
        ({"host": "h", "color": "red"}, "color"),
    ],
)
def test_what_is_wrong_is_said_where_it_is(address: dict[str, Any], where: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ADDRESSES["modbus"].model_validate(address)
    assert [error["loc"][0] for error in caught.value.errors()] == [where]
