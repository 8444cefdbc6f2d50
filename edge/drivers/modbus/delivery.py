"""From registers to readings: what a poll read is decoded, composed and emitted."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from edge.core.compose import Origin, compose
from edge.core.plan import Want
from edge.core.polling import Finished
from edge.driver import EdgeDevice, Emit, ReportTrouble, TroubleReason, TroubleReport, cut
from edge.drivers.modbus.addresses import UnitAddress
from firmware_profiles import Refusal, RegisterPayload, decode
from firmware_profiles.decode import Decoded, Registers


@dataclass(frozen=True, slots=True)
class Member:
    """A device on a line."""

    device: EdgeDevice
    address: UnitAddress
    wants: tuple[Want, ...]


class Said(NamedTuple):
    """What a poll ended with, and when, in UTC milliseconds since 1970."""

    member: Member
    finished: Finished
    received_ms: int


_Poll = tuple[str, tuple[int, int]]
"""A device, and the first place that is read of it: a poll gives the same places each time."""
Deliver = Callable[[Said], Awaitable[None]]


class Delivery:
    """Hands on what polls read. Decoding costs more than reading, and registers often stay as they are: what
    was decoded last is kept for each poll, and taken again for the same registers."""

    def __init__(self, emit: Emit, trouble: ReportTrouble) -> None:
        self._emit = emit
        self._trouble = trouble
        self._decoded: dict[_Poll, tuple[Member, Registers, Decoded]] = {}

    def keep(self, members: Mapping[str, Member]) -> None:
        """Forget devices that are no more."""
        self._decoded = {poll: kept for poll, kept in self._decoded.items() if poll[0] in members}

    async def deliver(self, said: Said) -> None:
        """Emits the readings and reports what can't be used. Raises what `emit` raises."""
        device = said.member.device
        for want in said.finished.unsupported:
            detail = f"function {want.fc}, {want.count} from {want.address}: the device does not have it"
            self._report(device.id, TroubleReason.UNSUPPORTED, detail)
        if not said.finished.values:
            return
        try:
            decoded = self._decode(said.member, said.finished.values)
        except Refusal as refusal:
            self._report(device.id, TroubleReason.REFUSED, f"{refusal.reason}: {refusal}")
            return
        for note in decoded.notes:
            self._report(device.id, TroubleReason.PARTLY_READ, note)
        origin = Origin(
            device=device.id, position=device.position, profile=device.profile, received_ms=said.received_ms
        )
        composed = compose(origin, decoded.samples)
        for problem in composed.time_problems:
            self._report(device.id, TroubleReason.IMPLAUSIBLE_TIME, problem)
        for reading in composed.readings:
            await self._emit(reading)

    def _decode(self, member: Member, values: Registers) -> Decoded:
        device = member.device
        poll = device.id, values.places[0]
        kept = self._decoded.get(poll)
        if kept is not None and kept[0] is member:
            before = kept[1]
            if before.words == values.words and before.places == values.places:
                return kept[2]
        decoded = decode(device.profile, RegisterPayload(values), parameters=device.parameters)
        self._decoded[poll] = member, values, decoded
        return decoded

    def _report(self, source: str, reason: TroubleReason, detail: str) -> None:
        self._trouble(TroubleReport(source=cut(source), reason=reason, detail=cut(detail)))
