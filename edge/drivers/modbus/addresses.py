"""Where a Modbus device is and how it wants to be spoken to, out of its address."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from edge.driver import cut
from edge.drivers.modbus.frames import Exchange, reading, writing_coils, writing_registers

DEFAULT_TIMEOUT_MS: Final = 500
"""What Wiren Board's driver waits; its device templates set 1 to 2,000 ms."""
LONGEST_TIMEOUT_MS: Final = 10_000
LEAST_FIRST_S: Final = 0.1
"""Most devices answer within 5 to 50 ms, the slow ones of the usual lists within 100."""
DEFAULT_BAUD: Final = 9_600
LONGEST_UNIT_RTU: Final = 247
"""248 to 255 are reserved on a serial line, and nobody answers 0."""
_FAST_BAUD: Final = 19_200
_FAST_SILENCE_S: Final = 0.001_75
"""Above 19,200 baud the Modbus specification sets the silence between frames to a fixed 1.75 ms."""
_KNOWN: Final = frozenset(
    {"host", "port", "framer", "serial", "baud", "parity", "stop_bits", "unit", "timeout_ms", "guard_ms"}
    | {"spacing_ms", "wake"}
)

Parity = Literal["N", "E", "O"]


@dataclass(frozen=True, slots=True)
class TcpPlace:
    """A host. `rtu`: a serial server that passes RTU frames through; `baud` is then its line's, if known."""

    host: str
    port: int = 502
    rtu: bool = False
    baud: int | None = None

    @property
    def name(self) -> str:
        """As it is reported."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class SerialPlace:
    """A serial port of this machine."""

    port: str
    baud: int = DEFAULT_BAUD
    parity: Parity = "N"
    stop_bits: int = 1

    @property
    def name(self) -> str:
        """As it is reported."""
        return self.port


Place = TcpPlace | SerialPlace


@dataclass(frozen=True, slots=True)
class Wake:
    """What is sent before each poll to a device that sleeps; nobody minds its answer. Then comes a pause."""

    exchange: Exchange
    pause_s: float


@dataclass(frozen=True, slots=True)
class UnitAddress:
    """A device's place: the unit on the line, how long its answers may take to begin, how long the line has
    to be silent before it is asked, and how long it wants to be left alone after an answer."""

    place: Place
    unit: int = 1
    timeout_s: float = DEFAULT_TIMEOUT_MS / 1000
    guard_s: float = 0.0
    spacing_ms: int = 0
    wake: Wake | None = None

    @property
    def first_timeout_s(self) -> float:
        """How long a device that never spoke is waited for. On RTU a quarter, at least 100 ms: ten dead ones
        shall not keep a line waiting that has just been opened. Who is slower is asked again, with all its
        time. Over TCP a gateway may itself wait for the unit behind it: hurrying would only fill its queue.
        """
        if not is_rtu(self.place):
            return self.timeout_s
        return max(min(self.timeout_s, LEAST_FIRST_S), self.timeout_s / 4)

    @property
    def line(self) -> str:
        """Devices with the same one share a line."""
        return f"serial {self.place.port}" if isinstance(self.place, SerialPlace) else self.place.name


def is_rtu(place: Place) -> bool:
    """Whether frames carry no number."""
    return isinstance(place, SerialPlace) or place.rtu


def character_s(place: Place) -> float:
    """Seconds that a character takes on the wire; 0 where that is not known or does not matter."""
    if isinstance(place, TcpPlace):
        return 10 / place.baud if place.baud else 0.0
    return (9 + place.stop_bits + (place.parity != "N")) / place.baud


def silence_s(place: Place) -> float:
    """The silence that ends an RTU frame: 3.5 characters, or 1.75 ms above 19,200 baud."""
    baud = place.baud
    if baud is not None and baud > _FAST_BAUD:
        return _FAST_SILENCE_S
    return 3.5 * character_s(place)


def parse_address(address: Mapping[str, Any], timeout_ms: int = DEFAULT_TIMEOUT_MS) -> UnitAddress:
    """The place that a device's address names. Raises ValueError saying what is wrong with it.

    Members that are None are taken as not given: the server sends all that there are.
    """
    given = {name: value for name, value in address.items() if value is not None}
    for name in sorted(given.keys() - _KNOWN):
        raise ValueError(f"address: {cut(name, 40)}: not known; use {', '.join(sorted(_KNOWN))}")
    place = _serial(given) if "serial" in given else _tcp(given)
    rtu = is_rtu(place)
    unit = _number(given, "unit", 1, 1 if rtu else 0, LONGEST_UNIT_RTU if rtu else 255)
    return UnitAddress(
        place=place,
        unit=unit,
        timeout_s=_number(given, "timeout_ms", timeout_ms, 1, LONGEST_TIMEOUT_MS) / 1000,
        guard_s=max(silence_s(place), _number(given, "guard_ms", 0, 0, 1_000) / 1000),
        spacing_ms=_number(given, "spacing_ms", 0, 0, 60_000),
        wake=_wake(given.get("wake"), unit),
    )


def _tcp(given: Mapping[str, Any]) -> TcpPlace:
    host = given.get("host")
    if not isinstance(host, str) or not host:
        raise ValueError("address: host: a name or IP address is needed, or serial: a port of this machine")
    framer = _choice(given, "framer", "tcp", ("tcp", "rtu"))
    baud = _number(given, "baud", 0, 300, 4_000_000) if "baud" in given else None
    return TcpPlace(host, _number(given, "port", 502, 1, 65_535), framer == "rtu", baud)


def _serial(given: Mapping[str, Any]) -> SerialPlace:
    port = given["serial"]
    if not isinstance(port, str) or not port.startswith("/dev/"):
        raise ValueError(
            f"address: serial: {cut(port, 40)} is no serial port; give its path, such as /dev/ttyUSB0"
        )
    for name in ("host", "port", "framer"):
        if name in given:
            raise ValueError(f"address: {name}: a serial port has none; leave it or serial out")
    parity: Parity = _choice(given, "parity", "N", ("N", "E", "O"))
    return SerialPlace(
        port,
        _number(given, "baud", DEFAULT_BAUD, 300, 4_000_000),
        parity,
        _number(given, "stop_bits", 1, 1, 2),
    )


def _wake(wake: Any, unit: int) -> Wake | None:
    """{"fc": 3, "address": 0} reads, {"fc": 6, "address": 0, "value": 1} writes; "pause_ms" is 50 if not
    given."""
    if wake is None:
        return None
    if not isinstance(wake, Mapping):
        raise ValueError(  # noqa: TRY004 - all that is wrong with an address is one kind of error
            'address: wake: an object is needed, such as {"fc": 3, "address": 0}'
        )
    fc = _number(wake, "fc", 3, 1, 6, "wake: ")
    address = _number(wake, "address", 0, 0, 65_535, "wake: ")
    pause_s = _number(wake, "pause_ms", 50, 0, 5_000, "wake: ") / 1000
    if fc <= 4:
        return Wake(reading(unit, fc, address, 1), pause_s)
    value = _number(wake, "value", 0, 0, 65_535, "wake: ")
    if fc == 5:
        return Wake(writing_coils(unit, address, (value,)), pause_s)
    return Wake(writing_registers(unit, address, (value,), single=True), pause_s)


def _number(given: Mapping[str, Any], name: str, default: int, low: int, high: int, within: str = "") -> int:
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"address: {within}{name}: {cut(value, 40)} is no whole number from {low} to {high}")
    return value


def _choice(given: Mapping[str, Any], name: str, default: Any, choices: tuple[str, ...]) -> Any:
    value = given.get(name, default)
    if value not in choices:
        raise ValueError(f"address: {name}: {cut(value, 40)} is none of {', '.join(choices)}")
    return value
