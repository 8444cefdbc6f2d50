"""The registration form: a Modbus device behind a host or on a serial line, with its own mistakes named."""

import pytest

from firmware_profiles import load_catalogue
from server.devices.schemas import ADDRESSES
from server.web.devices.form import ADDRESS_FIELDS, check, field_of
from server.web.i18n import knows

PROBE = load_catalogue()["qdy30a"]
FORM = {
    "position_id": "well-7",
    "position_name": "井 7",
    "area_id": "grid-1",
    "gateway_id": "gw-1",
    "profile": "qdy30a",
}


@pytest.mark.parametrize(
    ("given", "address"),
    [
        (
            {"serial_port": "/dev/ttyUSB0", "baud": "19200", "parity": "E", "stop_bits": "1", "unit": "3"},
            {"serial": "/dev/ttyUSB0", "baud": 19200, "parity": "E", "stop_bits": 1, "unit": 3},
        ),
        ({"host": "10.0.0.7"}, {"host": "10.0.0.7", "port": 502, "unit": 1}),
        (
            {"host": "10.0.0.7", "port": "4001", "framer": "rtu", "unit": "9", "timeout_ms": "800"},
            {"host": "10.0.0.7", "port": 4001, "framer": "rtu", "unit": 9, "timeout_ms": 800},
        ),
    ],
)
def test_a_modbus_address(given: dict[str, str], address: dict[str, object]) -> None:
    checked = check(FORM | given | {"serial": "SN-1", "firmware": "2.1"}, PROBE)
    assert checked.errors == {}
    assert checked.device is not None
    found = ADDRESSES["modbus"].model_validate(checked.device.address).model_dump(exclude_none=True)
    assert found == address
    assert (checked.device.serial, checked.device.firmware) == ("SN-1", "2.1")


def test_what_is_refused_stands_at_its_field() -> None:
    assert field_of("address.serial") == "serial_port"
    assert field_of("address.baud") == "baud"
    assert field_of("serial") == "serial"
    assert field_of("parameters.mount_height") == "parameter.mount_height"


def test_every_field_has_its_words() -> None:
    for names in ADDRESS_FIELDS.values():
        for name in names:
            assert knows(f"register.{name}"), name
