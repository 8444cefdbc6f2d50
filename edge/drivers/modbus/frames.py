"""Modbus requests and answers as bytes. No socket and no clock in here.

An `Exchange` knows what its good answer looks like: unit, function and length. Whatever else comes in (late
answers, other units' answers, garbage, our own echo) is passed over. TCP frames carry a number as well, so a
late answer is known by it. RTU frames do not: everything that came before sending is thrown away, and the
answer is looked for anywhere in what comes after it.
"""

import struct
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Protocol

LONGEST_ADU: Final = 260
"""Bytes of the longest frame that there is, over TCP; RTU's is 256."""
_HEARD_AT_MOST: Final = 2 * LONGEST_ADU
"""RTU bytes kept while an answer is looked for: a whole one with as much garbage before it."""
_READS_BITS: Final = frozenset({1, 2})


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request, and how its answer begins and how long it is. `request` and the answer are without unit and
    checksum: from the function code on."""

    unit: int
    request: bytes
    begins: bytes
    length: int

    @property
    def function(self) -> int:
        """Its function code."""
        return self.request[0]


@lru_cache(maxsize=4096)
def reading(unit: int, fc: int, address: int, quantity: int) -> Exchange:
    """Asks for registers or bits."""
    size = (quantity + 7) // 8 if fc in _READS_BITS else 2 * quantity
    return Exchange(unit, struct.pack(">BHH", fc, address, quantity), bytes((fc, size)), 2 + size)


def writing_coils(unit: int, address: int, values: tuple[int, ...]) -> Exchange:
    """Function 5 for one coil, 15 for several."""
    if len(values) == 1:
        request = struct.pack(">BHH", 5, address, 0xFF00 if values[0] else 0)
        return Exchange(unit, request, request, len(request))
    data = sum(bool(value) << place for place, value in enumerate(values)).to_bytes(
        (len(values) + 7) // 8, "little"
    )
    request = struct.pack(">BHHB", 15, address, len(values), len(data)) + data
    return Exchange(unit, request, request[:5], 5)


def writing_registers(unit: int, address: int, values: tuple[int, ...], *, single: bool) -> Exchange:
    """Function 6 for one register if `single`, else 16."""
    if single:
        request = struct.pack(">BHH", 6, address, values[0])
        return Exchange(unit, request, request, len(request))
    request = struct.pack(f">BHHB{len(values)}H", 16, address, len(values), 2 * len(values), *values)
    return Exchange(unit, request, request[:5], 5)


def values_of(answer: bytes, quantity: int) -> tuple[int, ...]:
    """Registers, or bits as 0 and 1, of an answer that fits its `reading`."""
    if answer[0] in _READS_BITS:
        bits = int.from_bytes(answer[2:], "little")
        return tuple(bits >> place & 1 for place in range(quantity))
    return struct.unpack_from(f">{quantity}H", answer, 2)


def exception_of(answer: bytes) -> int | None:
    """The code, if the answer is a Modbus exception."""
    return answer[1] if answer[0] & 0x80 else None


class FramingError(Exception):
    """What came is no Modbus: the connection can't be read any further."""


class Framing(Protocol):
    """Puts requests into frames and finds their answers in what comes in; one at a time."""

    @property
    def heard(self) -> bool:
        """Whether anything came since `begin`."""

    def begin(self, exchange: Exchange) -> bytes:
        """The frame to send; from now on its answer is looked for."""

    def feed(self, data: bytes) -> bytes | None:
        """The answer from the function code on, once it is there; empty if there is one that does not fit.
        Raises FramingError."""


class TcpFraming:
    """Modbus TCP: number, length and unit before each frame."""

    def __init__(self) -> None:
        self.heard = False
        self._number = 0
        self._buffer = b""
        self._exchange: Exchange | None = None

    def begin(self, exchange: Exchange) -> bytes:
        """See `Framing`. The rest of a late answer is kept: the stream must be followed to its frames."""
        self.heard = False
        self._exchange = exchange
        self._number = self._number % 0xFFFF + 1
        head = struct.pack(">HHHB", self._number, 0, len(exchange.request) + 1, exchange.unit)
        return head + exchange.request

    def feed(self, data: bytes) -> bytes | None:
        """See `Framing`."""
        self.heard = True
        buffer = self._buffer + data if self._buffer else data
        found: bytes | None = None
        while len(buffer) >= 8:
            number, protocol, length, unit = struct.unpack_from(">HHHB", buffer)
            if protocol or not 3 <= length <= LONGEST_ADU - 6:
                raise FramingError("no Modbus TCP frame")
            end = 6 + length
            if len(buffer) < end:
                break
            exchange = self._exchange
            if exchange is not None and number == self._number:
                self._exchange = None
                answer = buffer[7:end]
                found = answer if unit == exchange.unit and _fits(exchange, answer) else b""
            buffer = buffer[end:]
        self._buffer = buffer
        return found


@dataclass(slots=True)
class RtuFraming:
    """Modbus RTU: unit before and checksum behind each frame; over a serial line, or over TCP to a serial
    server. Where the line echoes what is sent, the echo is passed over."""

    heard: bool = False
    echoes: bool = False
    _sent: bytes = b""
    _exchange: Exchange | None = None
    _buffer: bytearray = field(default_factory=bytearray)

    def begin(self, exchange: Exchange) -> bytes:
        """See `Framing`."""
        self.heard = False
        self._buffer.clear()
        self._exchange = exchange
        body = bytes((exchange.unit,)) + exchange.request
        self._sent = body + checksum(body)
        return self._sent

    def feed(self, data: bytes) -> bytes | None:
        """See `Framing`."""
        exchange = self._exchange
        if exchange is None:
            return None
        self._buffer += data
        self._drop_echo(exchange)
        self.heard = bool(self._buffer)  # the echo alone is nothing that was said
        answer = _hunt(bytes(self._buffer), exchange)
        if answer is not None:
            self._exchange = None
            self._buffer.clear()
        elif len(self._buffer) > _HEARD_AT_MOST:
            del self._buffer[:-LONGEST_ADU]
        return answer

    def _drop_echo(self, exchange: Exchange) -> None:
        # A good answer to a single write is the same bytes: it is only taken for an echo on a line where a
        # read, whose answer never looks like its request, was echoed before.
        written = exchange.begins == exchange.request
        if not self._sent or (written and not self.echoes):
            return
        place = self._buffer.find(self._sent)
        if place >= 0:
            self.echoes = True
            del self._buffer[place : place + len(self._sent)]
            self._sent = b""


def _hunt(data: bytes, exchange: Exchange) -> bytes | None:
    refusal = bytes((exchange.unit, exchange.function | 0x80))
    good = bytes((exchange.unit,)) + exchange.begins
    for head, length in ((good, exchange.length), (refusal, 2)):
        place = data.find(head)
        while place >= 0:
            end = place + 1 + length
            if data[end : end + 2] == checksum(data[place:end]):
                return data[place + 1 : end]
            place = data.find(head, place + 1)
    return None


def _fits(exchange: Exchange, answer: bytes) -> bool:
    if answer[0] == exchange.function | 0x80:
        return len(answer) == 2
    return len(answer) == exchange.length and answer.startswith(exchange.begins)


def _table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)  # noqa: PLW2901 - shifted bit by bit
        table.append(value)
    return tuple(table)


_CRC: Final = _table()


def checksum(data: bytes) -> bytes:
    """CRC-16 with polynomial 0xA001 (0x8005 reversed) from 0xFFFF, low byte first: the one of Modbus RTU."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc.to_bytes(2, "little")
