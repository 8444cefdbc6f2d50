"""One line: a host and port with the units behind it, asked in turn, one request at a time.

pymodbus matches answers by transaction id and unit and drops those that come late. Its retries and its own
reconnection are switched off: they would hold up the other units. Three requests in a row without an answer
make us connect anew, since a line that is dead without a word looks just like that.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from pymodbus import ModbusException
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.pdu import ExceptionResponse, ModbusPDU

from edge.core.backoff import pause_s
from edge.core.compose import Origin, compose
from edge.core.plan import Want
from edge.core.polling import Finished, LineSchedule, PolledDevice, Request
from edge.driver import Clock, EdgeDevice, Emit, ReportTrouble, TroubleReason, TroubleReport, cut
from firmware_profiles import Refusal, RegisterPayload, decode

CONNECT_S: Final = 3.0
SILENT_REQUESTS: Final = 3
# All that it would say comes to us as answers and exceptions, and is reported once, as trouble.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
_READ: Final = {
    1: "read_coils",
    2: "read_discrete_inputs",
    3: "read_holding_registers",
    4: "read_input_registers",
}


@dataclass(frozen=True, slots=True)
class UnitAddress:
    """A device's place: the unit behind the host and port, and how long its answers may take."""

    host: str
    port: int
    unit: int
    timeout_s: float


class NoAnswer(Enum):
    """Why there are no values."""

    TIMEOUT = TroubleReason.NO_ANSWER
    BROKEN = TroubleReason.BAD_ANSWER


@dataclass(frozen=True, slots=True)
class _Member:
    device: EdgeDevice
    address: UnitAddress


class Line:
    """Made by the driver for each (host, port)."""

    def __init__(self, host: str, port: int, *, emit: Emit, trouble: ReportTrouble, clock: Clock) -> None:
        self._host = host
        self._port = port
        self._emit = emit
        self._trouble = trouble
        self._clock = clock
        self._members: dict[str, _Member] = {}
        self._schedule = LineSchedule()
        self._changed = asyncio.Event()
        self._client: AsyncModbusTcpClient | None = None
        self._silent = 0
        self._in_use = asyncio.Lock()  # held for a request: a command must never meet a poll on the line

    def apply(self, members: Sequence[tuple[EdgeDevice, UnitAddress, tuple[Want, ...]]]) -> None:
        """Replace the devices; those that stay the same keep their state. Raises PlanError."""
        now_ms = _now_ms()
        for gone in set(self._members) - {device.id for device, _, _ in members}:
            del self._members[gone], self._schedule.devices[gone]
        for device, address, wants in members:
            member = _Member(device, address)
            if self._members.get(device.id) != member:
                jitter = random.random()  # noqa: S311 - spreads first polls
                self._schedule.devices[device.id] = PolledDevice(wants, now_ms=now_ms, jitter=jitter)
                self._members[device.id] = member
        self._changed.set()

    async def run(self) -> None:
        """Poll until cancelled."""
        try:
            while True:
                await self._connect()
                self._changed.clear()
                choice = self._schedule.choose(_now_ms())
                if isinstance(choice, Request):
                    await self._serve(choice)
                else:
                    await self._wait(choice)
        finally:
            self._close()

    async def _wait(self, until_ms: int | None) -> None:
        try:
            async with asyncio.timeout(None if until_ms is None else max(0, until_ms - _now_ms()) / 1000):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _connect(self) -> None:
        failures = 0
        while self._client is None or not self._client.connected:
            self._close()
            client = AsyncModbusTcpClient(
                self._host, port=self._port, retries=0, reconnect_delay=0, timeout=CONNECT_S
            )
            try:
                if await client.connect():
                    self._client = client
                    return
            except UnicodeError:
                pass  # a host that is no name at all; the same to us as one that is not there
            client.close()
            failures += 1
            self._report(
                f"{self._host}:{self._port}", TroubleReason.UNREACHABLE, f"no connection, try {failures}"
            )
            await asyncio.sleep(pause_s(failures, random.random()))  # noqa: S311 - spreads retries

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None
        self._silent = 0

    async def _serve(self, request: Request) -> None:
        polled, poll = request.device, request.poll
        member = self._member_of(polled)
        was_down = polled.breaker.down
        answer = await self._ask(request, member.address)
        jitter = random.random()  # noqa: S311 - spreads probes
        finished: Finished | None
        if isinstance(answer, list):
            finished = polled.answered(poll, answer, _now_ms())
        elif isinstance(answer, int):
            finished = polled.refused(poll, answer, _now_ms(), jitter)
            if finished is not None and not finished.unsupported:
                detail = f"{_place(request, member.address)}: Modbus exception {answer}"
                self._report(member.device.id, TroubleReason.EXCEPTION_ANSWER, detail)
        else:
            finished = polled.silent(poll, _now_ms(), jitter)
            if not was_down or not polled.breaker.down or polled.breaker.probes == 1:
                detail = f"{_place(request, member.address)}: no usable answer"
                self._report(member.device.id, answer.value, detail)
        if finished is not None:
            await self._finish(member, finished)

    def _member_of(self, polled: PolledDevice) -> _Member:
        for device_id, candidate in self._schedule.devices.items():
            if candidate is polled:
                return self._members[device_id]
        raise AssertionError("a request of a device that is not on the line")

    async def _ask(self, request: Request, address: UnitAddress) -> list[int] | int | NoAnswer:
        """Values, or the code of a Modbus exception, or why there is neither."""
        assert self._client is not None
        read: Callable[..., Awaitable[ModbusPDU]] = getattr(self._client, _READ[request.fc])
        try:
            async with self._in_use, asyncio.timeout(address.timeout_s):
                response = await read(request.address, count=request.quantity, device_id=address.unit)
        except TimeoutError:
            self._silent += 1
            if self._silent >= SILENT_REQUESTS:
                self._close()
            return NoAnswer.TIMEOUT
        except ModbusException:
            return NoAnswer.BROKEN
        self._silent = 0
        if isinstance(response, ExceptionResponse):
            return response.exception_code
        values: Sequence[int] = response.bits if request.fc <= 2 else response.registers
        if len(values) < request.quantity or (request.fc > 2 and len(values) > request.quantity):
            return NoAnswer.BROKEN
        return [int(value) for value in values[: request.quantity]]

    async def _finish(self, member: _Member, finished: Finished) -> None:
        device = member.device
        for want in finished.unsupported:
            detail = f"function {want.fc}, {want.count} from {want.address}: the device does not have it"
            self._report(device.id, TroubleReason.UNSUPPORTED, detail)
        if not finished.values:
            return
        try:
            decoded = decode(
                device.profile, RegisterPayload(dict(finished.values)), parameters=dict(device.parameters)
            )
        except Refusal as refusal:
            self._report(device.id, TroubleReason.REFUSED, f"{refusal.reason}: {refusal}")
            return
        for note in decoded.notes:
            self._report(device.id, TroubleReason.PARTLY_READ, note)
        origin = Origin(
            device=device.id, position=device.position, profile=device.profile, received_ms=self._clock()
        )
        composed = compose(origin, decoded.samples)
        for problem in composed.time_problems:
            self._report(device.id, TroubleReason.IMPLAUSIBLE_TIME, problem)
        for reading in composed.readings:
            await self._emit(reading)

    def _report(self, source: str, reason: TroubleReason, detail: str) -> None:
        self._trouble(TroubleReport(source=cut(source), reason=reason, detail=cut(detail)))


def _place(request: Request, address: UnitAddress) -> str:
    return f"unit {address.unit}, function {request.fc}, {request.quantity} from {request.address}"


def _now_ms() -> int:
    """The loop's time: it never jumps, as the clock of a gateway does when it is set."""
    return int(asyncio.get_running_loop().time() * 1000)
