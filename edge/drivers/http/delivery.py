"""From a message of one device to readings that are kept."""

import asyncio
from enum import StrEnum

from edge.core.compose import Origin, compose
from edge.core.envelopes import EnvelopeError
from edge.core.pushes import Item, content_of
from edge.driver import Clock, Emit, ReportTrouble, TroubleReason, TroubleReport, cut
from edge.drivers.http.seen import Seen
from edge.drivers.http.sources import Member
from firmware_profiles import MessagePayload, Refusal, decode


class Outcome(StrEnum):
    """What became of a message."""

    KEPT = "kept"
    REPEATED = "repeated"  # it was taken before
    NOTHING = "nothing"  # a notice of the platform, without a payload
    UNUSABLE = "unusable"  # reported as trouble; sending it again would not help


class Delivery:
    """Decodes and emits, one message of a device after the other."""

    def __init__(self, emit: Emit, trouble: ReportTrouble, clock: Clock, seen: Seen) -> None:
        self._emit = emit
        self._trouble = trouble
        self._clock = clock
        self._seen = seen
        self._turns: dict[str, asyncio.Lock] = {}

    async def deliver(self, member: Member, item: Item) -> Outcome:
        """Returns once the readings are kept. Raises what `emit` raises; the message is not marked then."""
        device = member.device
        try:
            content = content_of(member.shape, item)
        except EnvelopeError as error:
            self.report(device.id, TroubleReason(error.fault.value), str(error))
            return Outcome.UNUSABLE
        if content is None:
            return Outcome.NOTHING
        if content.time_problem is not None:
            self.report(device.id, TroubleReason.IMPLAUSIBLE_TIME, content.time_problem)
        # Its repeat may come while the message is still being written.
        async with self._turns.setdefault(device.id, asyncio.Lock()):
            if content.name is not None and self._seen.knows(device.id, content.name):
                return Outcome.REPEATED
            received_ms = self._clock()
            payload = MessagePayload(content.body, received_ms=received_ms)
            try:
                decoded = decode(device.profile, payload, parameters=device.parameters)
            except Refusal as refusal:
                self.report(device.id, TroubleReason.REFUSED, f"{refusal.reason}: {refusal}")
                return Outcome.UNUSABLE
            composed = compose(
                Origin(
                    device=device.id,
                    position=device.position,
                    profile=device.profile,
                    received_ms=received_ms,
                    time_ms=content.time_ms,
                    own_key=content.name,
                ),
                decoded.samples,
            )
            for note in decoded.notes:
                self.report(device.id, TroubleReason.PARTLY_READ, note)
            for problem in composed.time_problems:
                self.report(device.id, TroubleReason.IMPLAUSIBLE_TIME, problem)
            for reading in composed.readings:
                await self._emit(reading)
            if content.name is not None:
                self._seen.add(device.id, content.name)
            return Outcome.KEPT

    def report(self, source: str, reason: TroubleReason, detail: str) -> None:
        """Count a trouble."""
        self._trouble(TroubleReport(source=cut(source), reason=reason, detail=cut(detail)))
