"""One connection: a TCP connection or an open serial port. One exchange at a time, and no second try.

An exchange ends in the answer's bytes or in a `NoAnswer`; it raises nothing. A link that broke stays broken:
the line makes a new one.
"""

import asyncio
import os
from enum import Enum
from typing import Final

import serial

from edge.driver import TroubleReason
from edge.drivers.modbus.addresses import Place, SerialPlace, TcpPlace, character_s
from edge.drivers.modbus.frames import Exchange, Framing, FramingError, RtuFraming, TcpFraming
from edge.drivers.modbus.turn import Turn

CONNECT_S: Final = 3.0
_FRAME_OVERHEAD: Final = 3  # unit and checksum
_EMPTY_READS: Final = 5
_BUFFER: Final = 4_096


class NoAnswer(Enum):
    """Why there are no values."""

    TIMEOUT = TroubleReason.NO_ANSWER
    BROKEN = TroubleReason.BAD_ANSWER


Answer = bytes | NoAnswer


class LinkError(Exception):
    """There is no connection. The text says why."""


class Link(asyncio.Protocol):
    """Made by `connect`. `ended_s` is the loop's time of the last byte in or out."""

    def __init__(self, framing: Framing, seconds_a_character: float) -> None:
        self.connected = False
        self.ended_s = 0.0
        self._framing = framing
        self._character_s = seconds_a_character
        self._loop = asyncio.get_running_loop()
        self._waiter: Turn[Answer] | None = None
        self._deadline_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def exchange(self, exchange: Exchange, timeout_s: float) -> Turn[Answer]:
        """Sends at once; the turn ends within `timeout_s` and the time that both frames need on it."""
        waiter = self._waiter = Turn(self._loop)
        if not self.connected:
            self._settle(NoAnswer.BROKEN)
            return waiter
        on_wire = (len(exchange.request) + exchange.length + 2 * _FRAME_OVERHEAD) * self._character_s
        self._deadline_s = self._loop.time() + timeout_s + on_wire
        if self._timer is None:
            self._timer = self._loop.call_at(self._deadline_s, self._watch)
        elif self._timer.when() > self._deadline_s:
            self._timer.cancel()
            self._timer = self._loop.call_at(self._deadline_s, self._watch)
        self.flush()
        self.send(self._framing.begin(exchange))
        return waiter

    def flush(self) -> None:
        """Throw away what came in unread."""

    def send(self, frame: bytes) -> None:
        """Put a frame on the wire; a failure is a lost connection."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of the connection. Whoever waits gets no answer."""
        self.connected = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._settle(NoAnswer.BROKEN)

    def data_received(self, data: bytes) -> None:
        """Bytes came in."""
        self.ended_s = self._loop.time()
        try:
            answer = self._framing.feed(data)
        except FramingError:
            self.close()
            return
        if answer is not None:
            self._settle(answer or NoAnswer.BROKEN)

    def connection_lost(self, error: Exception | None) -> None:
        """The other end hung up, or the line broke."""
        self.close()

    def _watch(self) -> None:
        # One timer outlives many exchanges: making and cancelling one for each costs more than the rest.
        self._timer = None
        if self._waiter is None:
            return
        if self._loop.time() < self._deadline_s:
            self._timer = self._loop.call_at(self._deadline_s, self._watch)
            return
        self.ended_s = self._loop.time()
        self._settle(NoAnswer.BROKEN if self._framing.heard else NoAnswer.TIMEOUT)

    def _settle(self, answer: Answer) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.settle(answer)


class TcpLink(Link, asyncio.BufferedProtocol):
    """Over a TCP connection. What comes in goes into a buffer of its own: the loop would take a new one of
    256 KiB for each answer."""

    _transport: asyncio.Transport | None = None

    def __init__(self, framing: Framing, seconds_a_character: float) -> None:
        super().__init__(framing, seconds_a_character)
        self._incoming = memoryview(bytearray(_BUFFER))

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the loop puts what comes in."""
        return self._incoming

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes came in."""
        self.data_received(bytes(self._incoming[:nbytes]))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.connected = True

    def send(self, frame: bytes) -> None:
        """See `Link`."""
        assert self._transport is not None
        self._transport.write(frame)

    def close(self) -> None:
        """See `Link`."""
        if self._transport is not None:
            self._transport.abort()
        super().close()


class SerialLink(Link):
    """Over a serial port, read when the loop says that there is something."""

    def __init__(self, framing: Framing, port: serial.Serial, seconds_a_character: float) -> None:
        super().__init__(framing, seconds_a_character)
        self._port = port
        self._descriptor: int = port.fileno()
        self._empty = 0
        self._loop.add_reader(self._descriptor, self._read)
        self.connected = True

    def flush(self) -> None:
        """See `Link`."""
        try:
            self._port.reset_input_buffer()
        except (OSError, serial.SerialException):
            self.close()

    def send(self, frame: bytes) -> None:
        """See `Link`. A frame is far smaller than the port's buffer: one that does not fit is not sent."""
        if not self.connected:  # the flush before may have found it broken
            return
        try:
            sent = os.write(self._descriptor, frame)
        except OSError:
            self.close()
            return
        self.ended_s = self._loop.time() + len(frame) * self._character_s
        if sent < len(frame):
            self.close()

    def close(self) -> None:
        """See `Link`."""
        if self.connected:
            self._loop.remove_reader(self._descriptor)
            self._port.close()
        super().close()

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, 4096)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        # Ready and yet empty: a flush came between, or, when it goes on like that, the adapter is gone.
        self._empty = 0 if data else self._empty + 1
        if data:
            self.data_received(data)
        elif self._empty >= _EMPTY_READS:
            self.close()


async def connect(place: Place) -> Link:
    """A new connection. Raises LinkError."""
    if isinstance(place, SerialPlace):
        return _open(place)
    return await _dial(place)


async def _dial(place: TcpPlace) -> Link:
    loop = asyncio.get_running_loop()
    framing = RtuFraming() if place.rtu else TcpFraming()
    try:
        async with asyncio.timeout(CONNECT_S):
            _, link = await loop.create_connection(
                lambda: TcpLink(framing, character_s(place)), place.host, place.port
            )
    except TimeoutError as error:
        raise LinkError(f"no connection within {CONNECT_S:g} s") from error
    except (OSError, UnicodeError) as error:  # UnicodeError: a host that is no name at all
        raise LinkError(f"no connection: {error}") from error
    return link


def _open(place: SerialPlace) -> Link:
    try:
        port = serial.Serial(
            place.port,
            baudrate=place.baud,
            parity=place.parity,
            stopbits=place.stop_bits,
            timeout=0,
            write_timeout=0,
            exclusive=True,
        )
    except (OSError, ValueError) as error:
        raise LinkError(f"can't open it: {error}") from error
    return SerialLink(RtuFraming(), port, character_s(place))
