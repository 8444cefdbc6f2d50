"""Where a Modbus device is."""

import pytest

from edge.drivers.modbus.driver import parse_address
from edge.drivers.modbus.line import UnitAddress


def test_what_is_not_given_has_a_usual_value() -> None:
    assert parse_address({"host": "10.0.0.5"}) == UnitAddress("10.0.0.5", 502, 1, 0.5)
    full = {"host": "h", "port": 5020, "unit": 247, "timeout_ms": 1_500}
    assert parse_address(full) == UnitAddress("h", 5020, 247, 1.5)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ({}, "address: host: a name or IP address is needed"),
        ({"host": "h", "port": 65_536}, "address: port: 65536 is no whole number from 1 to 65535"),
        ({"host": "h", "unit": -1}, "address: unit: -1 is no whole number from 0 to 255"),
        ({"host": "h", "unit": 1.0}, "address: unit: 1.0 is no whole number from 0 to 255"),
        (
            {"host": "h", "timeout_ms": 1e9},
            "address: timeout_ms: 1000000000.0 is no whole number from 1 to 10000",
        ),
    ],
)
def test_what_is_wrong_is_named(address: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match="address: ") as caught:
        parse_address(address)
    assert str(caught.value) == message
