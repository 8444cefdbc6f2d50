"""Where a Modbus device is."""

import pytest

from edge.drivers.modbus.addresses import SerialPlace, TcpPlace, UnitAddress, Wake, parse_address
from edge.drivers.modbus.frames import reading, writing_coils, writing_registers


def test_what_is_not_given_has_a_usual_value() -> None:
    assert parse_address({"host": "10.0.0.5"}) == UnitAddress(TcpPlace("10.0.0.5", 502), 1, 0.5)
    full = {"host": "h", "port": 5020, "unit": 247, "timeout_ms": 1_500}
    assert parse_address(full) == UnitAddress(TcpPlace("h", 5020), 247, 1.5)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ({}, "address: host: a name or IP address is needed, or serial: a port of this machine"),
        ({"host": "h", "port": 65_536}, "address: port: 65536 is no whole number from 1 to 65535"),
        ({"host": "h", "unit": -1}, "address: unit: -1 is no whole number from 0 to 255"),
        ({"host": "h", "unit": 1.0}, "address: unit: 1.0 is no whole number from 0 to 255"),
        (
            {"host": "h", "timeout_ms": 1e9},
            "address: timeout_ms: 1000000000.0 is no whole number from 1 to 10000",
        ),
        ({"serial": "COM3"}, "address: serial: COM3 is no serial port; give its path, such as /dev/ttyUSB0"),
        (
            {"serial": "/dev/ttyS0", "host": "h"},
            "address: host: a serial port has none; leave it or serial out",
        ),
        ({"serial": "/dev/ttyS0", "parity": "X"}, "address: parity: X is none of N, E, O"),
        ({"serial": "/dev/ttyS0", "unit": 0}, "address: unit: 0 is no whole number from 1 to 247"),
        ({"host": "h", "framer": "ascii"}, "address: framer: ascii is none of tcp, rtu"),
        ({"host": "h", "wake": 3}, 'address: wake: an object is needed, such as {"fc": 3, "address": 0}'),
        (
            {"host": "h", "wake": {"fc": 16}},
            "address: wake: fc: 16 is no whole number from 1 to 6",
        ),
    ],
)
def test_what_is_wrong_is_named(address: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match="address: ") as caught:
        parse_address(address)
    assert str(caught.value) == message


def test_a_serial_port_has_a_speed_and_a_silence() -> None:
    plain = parse_address({"serial": "/dev/ttyUSB0"})
    assert plain.place == SerialPlace("/dev/ttyUSB0", 9_600, "N", 1)
    assert plain.guard_s == pytest.approx(0.003_65, abs=0.000_01)
    slow = parse_address({"serial": "/dev/ttyUSB0", "baud": 9_600, "parity": "E", "stop_bits": 1})
    assert slow.guard_s == pytest.approx(0.004, abs=0.000_02)  # eleven bits a character
    assert parse_address({"serial": "/dev/ttyUSB0", "baud": 115_200}).guard_s == 0.001_75
    assert parse_address({"serial": "/dev/ttyUSB0", "guard_ms": 50}).guard_s == 0.05
    assert parse_address({"serial": "/dev/ttyUSB0", "guard_ms": 1}).guard_s > 0.0036  # never below t3.5


def test_a_serial_server_speaks_rtu_over_tcp() -> None:
    bridge = parse_address({"host": "h", "framer": "rtu", "baud": 9_600, "spacing_ms": 100})
    assert bridge.place == TcpPlace("h", 502, rtu=True, baud=9_600)
    assert bridge.guard_s == pytest.approx(0.003_65, abs=0.000_01)
    assert bridge.spacing_ms == 100
    assert parse_address({"host": "h", "framer": "rtu"}).guard_s == 0
    assert parse_address({"host": "h"}).line == parse_address({"host": "h", "framer": "rtu"}).line


def test_a_wake_reads_or_writes() -> None:
    address = {"host": "h", "unit": 4}
    assert parse_address(address | {"wake": {"address": 9}}).wake == Wake(reading(4, 3, 9, 1), 0.05)
    write = {"fc": 6, "address": 9, "value": 1, "pause_ms": 10}
    assert parse_address(address | {"wake": write}).wake == Wake(
        writing_registers(4, 9, (1,), single=True), 0.01
    )
    coil = parse_address(address | {"wake": {"fc": 5, "value": 1}}).wake
    assert coil == Wake(writing_coils(4, 0, (1,)), 0.05)


def test_none_is_as_not_given() -> None:
    assert parse_address({"host": "h", "serial": None, "timeout_ms": None}) == parse_address({"host": "h"})
