"""One line: a host and port, or a serial port, with the units behind it, asked in turn.

One exchange at a time holds the line (`_in_use`), polls and commands alike. Several requests in a row without
an answer, and none for a while, make us connect anew, since a line that is dead without a word looks just
like that. What a poll read is decoded while the next request is already under way.
"""

import asyncio
import random
from collections.abc import Sequence
from typing import Final

from edge.core.backoff import pause_s
from edge.core.polling import Finished, PolledDevice, Request
from edge.core.schedule import LineSchedule
from edge.driver import Clock, ReportTrouble, TroubleReason, TroubleReport, cut
from edge.drivers.modbus.addresses import Place, UnitAddress, is_rtu
from edge.drivers.modbus.commands import CommandError, Write, write
from edge.drivers.modbus.delivery import Deliver, Member, Said
from edge.drivers.modbus.frames import Exchange, exception_of, reading, values_of
from edge.drivers.modbus.link import Answer, Link, LinkError, NoAnswer, connect
from edge.drivers.modbus.turn import Turn

SILENT_REQUESTS: Final = 3
SILENT_S: Final = 3.0
"""Both have to be reached: on a line of many units some dead ones are no reason to hang up on the others."""


class Line:
    """Made by the driver for each place."""

    def __init__(self, place: Place, *, deliver: Deliver, trouble: ReportTrouble, clock: Clock) -> None:
        self.place = place
        self._hand_on = deliver
        self._trouble = trouble
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._members: dict[str, Member] = {}
        self._polled: dict[str, PolledDevice] = {}
        self._schedule = LineSchedule()
        self._changed = False
        self._idle: Turn[None] | None = None
        self._link: Link | None = None
        self._silent = 0
        self._answered_s = 0.0
        self._in_use = asyncio.Lock()
        self._commands = 0
        self._said: Said | None = None

    def apply(self, members: Sequence[Member]) -> None:
        """Replace the devices; those that stay the same keep their state. Raises PlanError.

        Devices that come together start together: a line asks one after the other anyway, and one burst in
        a period wakes the machine less often than single polls all over it.
        """
        now_ms = self._now_ms()
        jitter = random.random()  # noqa: S311 - spreads the first polls of lines
        for gone in set(self._members) - {member.device.id for member in members}:
            self._schedule.remove(gone)
            del self._members[gone], self._polled[gone]
        for member in members:
            device, address = member.device, member.address
            if self._members.get(device.id) != member:
                self._polled[device.id] = PolledDevice(
                    member.wants,
                    name=device.id,
                    now_ms=now_ms,
                    jitter=jitter,
                    spacing_ms=address.spacing_ms,
                    settle_ms=int(address.timeout_s * 1000) if is_rtu(address.place) else 0,
                    patience_ms=int(address.timeout_s * 1000),
                )
                self._schedule.add(self._polled[device.id])
                self._members[device.id] = member
        self._changed = True
        if self._idle is not None:
            self._idle.settle(None)

    async def run(self) -> None:
        """Poll until cancelled."""
        now_ms = self._now_ms()
        try:
            while True:
                link = self._link
                if link is None or not link.connected:
                    link = await self._connect()
                    now_ms = self._now_ms()
                self._changed = False
                choice = self._schedule.choose(now_ms)
                if isinstance(choice, Request):
                    now_ms = await self._serve(link, choice)
                else:
                    await self._deliver()
                    await self._wait(choice)
                    now_ms = self._now_ms()
        finally:
            self._close()

    @property
    def connected(self) -> bool:
        """Whether there is a connection, or an open port; devices may be silent on it all the same."""
        return self._link is not None and self._link.connected

    async def write(self, device_id: str, order: Write) -> bool:
        """Writes, between two polls, unless the device already holds these values. Returns whether it wrote.

        Raises CommandError when the device is not on this line, does not answer or refuses.
        """
        self._commands += 1
        try:
            async with self._in_use:
                member, link = self._members.get(device_id), self._link
                if member is None:
                    raise CommandError(f"{device_id}: not on this line")
                if link is None or not link.connected:
                    raise CommandError(f"{self.place.name}: not connected; try again")

                async def exchange(one: Exchange) -> Answer:
                    answer = await self._exchange(link, member, one, member.address.timeout_s)
                    polled = self._polled.get(device_id)
                    if polled is not None:
                        polled.spoke(self._now_ms())
                    return answer

                return await write(exchange, member.address.unit, order)
        finally:
            self._commands -= 1

    async def _wait(self, until_ms: int | None) -> None:
        if self._changed:
            return
        idle = self._idle = Turn[None](self._loop)
        timer = None if until_ms is None else self._loop.call_at(until_ms / 1000, idle.settle, None)
        try:
            await idle
        finally:
            self._idle = None
            if timer is not None:
                timer.cancel()

    async def _connect(self) -> Link:
        await self._deliver()
        self._close()
        failures = 0
        while True:
            try:
                self._link = await connect(self.place)
            except LinkError as error:
                failures += 1
                self._report(self.place.name, TroubleReason.UNREACHABLE, f"{error}, try {failures}")
                await asyncio.sleep(pause_s(failures, random.random()))  # noqa: S311 - spreads retries
                continue
            self._answered_s = self._loop.time()
            return self._link

    def _close(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = None
        self._silent = 0

    async def _serve(self, link: Link, request: Request) -> int:
        """Asks, and settles what came of it. Returns when that was, in ms."""
        member = self._members[request.device.name]
        if self._commands:
            await self._deliver()  # it must not wait behind a command
        address = member.address
        timeout_s = address.first_timeout_s if request.unheard else address.timeout_s
        exchange = reading(address.unit, request.fc, request.address, request.quantity)
        await self._in_use.acquire()
        try:
            if request.first and address.wake is not None:
                await self._wake(link, member, timeout_s)
            answer = await self._exchange(link, member, exchange, timeout_s)
        finally:
            self._in_use.release()
        now_ms = self._now_ms()
        if self._members.get(member.device.id) is member:
            self._settle(request, member, answer, now_ms)
        else:
            self._schedule.silent(request, now_ms, 0.0)  # it was replaced in the meantime
        return now_ms

    def _settle(self, request: Request, member: Member, answer: Answer, now_ms: int) -> None:
        finished: Finished | None
        if isinstance(answer, NoAnswer):
            finished = self._settle_silence(request, member, answer, now_ms)
        elif (code := exception_of(answer)) is not None:
            finished = self._schedule.refused(request, code, now_ms, random.random())  # noqa: S311 - spreads probes
            if finished is not None and not finished.unsupported:
                detail = f"{_place(request, member.address)}: Modbus exception {code}"
                self._report(member.device.id, TroubleReason.EXCEPTION_ANSWER, detail)
        else:
            finished = self._schedule.answered(request, values_of(answer, request.quantity), now_ms)
        if finished is not None and (finished.values or finished.unsupported):
            self._said = Said(member, finished, self._clock())

    def _settle_silence(
        self, request: Request, member: Member, answer: NoAnswer, now_ms: int
    ) -> Finished | None:
        polled = request.device
        was_down = polled.breaker.down
        finished = self._schedule.silent(request, now_ms, random.random())  # noqa: S311 - spreads probes
        hurried = request.unheard and member.address.first_timeout_s < member.address.timeout_s
        if not was_down and not hurried:
            detail = f"{_place(request, member.address)}: no usable answer"
            self._report(member.device.id, answer.value, detail)
        return finished

    async def _exchange(self, link: Link, member: Member, exchange: Exchange, timeout_s: float) -> Answer:
        """One exchange, once line and device have been silent long enough. The line must be held."""
        polled = self._polled.get(member.device.id)
        now_s = self._loop.time()
        start_s = link.ended_s + member.address.guard_s
        if polled is not None and polled.quiet_until_ms > now_s * 1000:
            start_s = max(start_s, polled.quiet_until_ms / 1000)
        if start_s > now_s:
            await self._deliver()
            await asyncio.sleep(max(0.0, start_s - self._loop.time()))
        waiter = link.exchange(exchange, timeout_s)
        try:
            if self._said is not None:
                await self._deliver()
            answer = await waiter
        except asyncio.CancelledError:
            link.close()  # its answer is still on the way, and would be taken for another's
            raise
        if not isinstance(answer, NoAnswer):
            self._silent = 0
            self._answered_s = link.ended_s
        elif answer is NoAnswer.TIMEOUT or is_rtu(self.place):
            self._silent += 1
            if self._silent >= SILENT_REQUESTS and self._loop.time() - self._answered_s >= SILENT_S:
                link.close()
        return answer

    async def _wake(self, link: Link, member: Member, timeout_s: float) -> None:
        wake = member.address.wake
        assert wake is not None
        await self._exchange(link, member, wake.exchange, timeout_s)
        polled = self._polled.get(member.device.id)
        if polled is not None:
            polled.spoke(self._now_ms())
        await asyncio.sleep(wake.pause_s)

    async def _deliver(self) -> None:
        """Hands on what the last poll read."""
        said, self._said = self._said, None
        if said is not None:
            await self._hand_on(said)

    def _now_ms(self) -> int:
        """The loop's time: it never jumps, as the clock of a gateway does when it is set."""
        return int(self._loop.time() * 1000)

    def _report(self, source: str, reason: TroubleReason, detail: str) -> None:
        self._trouble(TroubleReport(source=cut(source), reason=reason, detail=cut(detail)))


def _place(request: Request, address: UnitAddress) -> str:
    return f"unit {address.unit}, function {request.fc}, {request.quantity} from {request.address}"
