"""Modbus devices as images of their registers. Addresses are those of the protocol, from 0."""

import struct
from abc import abstractmethod

from sunwell.simulate.modbus_host import Registers, SimulatedUnit


class RegisterDevice:
    """A device that is polled."""

    profile: str
    functions: frozenset[int] = frozenset({3})

    @abstractmethod
    def registers(self) -> Registers:
        """Its registers now."""

    def unit(self, number: int) -> SimulatedUnit:
        """The device behind a host, at unit `number`."""
        return SimulatedUnit(unit=number, registers=self.registers, functions=self.functions)


class LevelProbe(RegisterDevice):
    """QDY30A: water above the probe. Tells unit (2 = mm) and decimals with the value."""

    profile = "qdy30a"

    def __init__(self, level_mm: float = 300) -> None:
        self.level_mm = level_mm

    def registers(self) -> Registers:
        """0 address, 1 baud code, 2 unit, 3 decimals, 4 value, 5 zero, 6 full scale."""
        return {0: 1, 1: 3, 2: 2, 3: 0, 4: signed(round(self.level_mm)), 5: 0, 6: 5_000}


class GasDetector(RegisterDevice):
    """Honeywell Midas: floats with the low word first; a heartbeat bit that turns at each look."""

    profile = "honeywell-midas"
    functions = frozenset({3, 4})
    low_ppm = 10.0
    high_ppm = 20.0

    def __init__(self, ppm: float = 0.4) -> None:
        self.ppm = ppm
        self.temperature = 18
        self._beat = False

    def registers(self) -> Registers:
        """Sixteen registers from 0."""
        self._beat = not self._beat
        monitoring = 1
        flags = (
            monitoring | (self.ppm >= self.low_ppm) << 6 | (self.ppm >= self.high_ppm) << 7 | self._beat << 11
        )
        values = [0] * 16
        values[0] = flags
        values[2:4] = low_word_first(self.ppm)
        values[6] = 1 << 8  # ppm, one bit for each unit in the high byte
        values[7] = self.temperature
        values[8] = 12_900
        values[10] = 514
        values[12:14] = low_word_first(self.low_ppm)
        values[14:16] = low_word_first(self.high_ppm)
        return dict(enumerate(values))


class CalexThermometer(RegisterDevice):
    """Calex PyroUSB: tenths of a degree."""

    profile = "calex-pyrousb"
    functions = frozenset({3, 4})
    first = 0x12

    def __init__(self, celsius: float = 26.0) -> None:
        self.celsius = celsius
        self.sensor_celsius = 28.4

    def registers(self) -> Registers:
        """Emissivity, average, minimum, maximum, filtered, unfiltered, sensor temperature, status."""
        now = signed(round(self.celsius * 10))
        sensor = signed(round(self.sensor_celsius * 10))
        return {0x08: 9_800, 0x0F: now, 0x10: now, 0x11: now, 0x12: now, 0x13: now, 0x14: sensor, 0x15: 0}


class OmegaThermometer(CalexThermometer):
    """Omega OS-MINI: the same values at other addresses."""

    profile = "omega-os-mini"

    def registers(self) -> Registers:
        """Filtered, unfiltered, sensor temperature, status."""
        now = signed(round(self.celsius * 10))
        return {0x0E: now, 0x0F: now, 0x10: signed(round(self.sensor_celsius * 10)), 0x11: 0}


class RoomSensor(RegisterDevice):
    """XY-MD02: answers function 4 only."""

    profile = "xy-md02"
    functions = frozenset({4})

    def __init__(self, celsius: float = 22.5, humidity: float = 55.0) -> None:
        self.celsius = celsius
        self.humidity = humidity

    def registers(self) -> Registers:
        """1 temperature and 2 humidity, both in tenths."""
        return {1: signed(round(self.celsius * 10)), 2: round(self.humidity * 10)}


def signed(value: int) -> int:
    """A signed number as a register holds it."""
    return value & 0xFFFF


def low_word_first(value: float) -> tuple[int, int]:
    """A float32 in two registers, the low word first (CDAB)."""
    high, low = struct.unpack(">HH", struct.pack(">f", value))
    return low, high
