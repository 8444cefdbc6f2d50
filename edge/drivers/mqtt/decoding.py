"""Decoding of messages: at once where it is arithmetic, beside the event loop where a maker's script runs."""

import asyncio
from typing import Final

from edge.core.forbearance import Forbearance
from edge.driver import Clock, EdgeDevice
from firmware_profiles import Decoded, MessagePayload, Refusal, RefusalReason, decode
from firmware_profiles.codecs import Sandbox
from firmware_profiles.decode.codec import CodecError, CodecFault

_COSTLY: Final = frozenset({CodecFault.TIME, CodecFault.KILLED, CodecFault.CRASHED, CodecFault.MEMORY})


class Decoding:
    """Has a sandbox from the first script on, until `close`; then a new one if need be."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sandbox: Sandbox | None = None
        self._forbearance: dict[str, Forbearance] = {}

    async def decode(self, device: EdgeDevice, payload: MessagePayload) -> Decoded:
        """What the payload says. Raises Refusal."""
        if not device.profile.runs_codec:
            return decode(device.profile, payload, parameters=device.parameters)
        state = self._forbearance.get(device.id, Forbearance())
        if state.rests(self._clock()):
            raise Refusal(
                RefusalReason.CODEC_FAILED,
                f"not decoded: its last {state.costly} payloads made the codec break its limits",
            )
        if self._sandbox is None:
            self._sandbox = Sandbox()
        try:
            decoded = await asyncio.to_thread(
                decode, device.profile, payload, parameters=device.parameters, codecs=self._sandbox
            )
        except Refusal as refusal:
            if isinstance(refusal.__cause__, CodecError) and refusal.__cause__.fault in _COSTLY:
                self._forbearance[device.id] = state.cost(self._clock())
            raise
        self._forbearance.pop(device.id, None)
        return decoded

    def close(self) -> None:
        """End the sandbox's processes, within milliseconds."""
        if self._sandbox is not None:
            self._sandbox.close()
            self._sandbox = None
