"""Which devices' clocks are worth judging by."""

from typing import Final

from edge.readings import Reading, TimeSource, Value
from gateway.rules.timeline import Sample

FUTURE_MS: Final = 60_000
"""A device's clock may be this far ahead of ours before it is not believed: more than mains-fed meters
drift between two settings, less than any zone or summer-time mistake."""
STILL_MS: Final = 10_000
"""Two messages of one second can be this far apart on their way; further, a clock that shows the same time
for both does not run (or counts in minutes), and the second press must not be taken for an echo."""


class DeviceClocks:
    """Remembers each device's newest time."""

    def __init__(self) -> None:
        self._newest: dict[str, Reading] = {}

    def believes(self, reading: Reading) -> bool:
        """Whether to judge the reading by its own time, and not by its time of receipt."""
        if not reading.clock_trusted or reading.time_ms > reading.received_ms + FUTURE_MS:
            return False
        newest = self._newest.get(reading.device)
        if newest is None or reading.time_ms > newest.time_ms:
            self._newest[reading.device] = reading
            return True
        return (
            reading.time_ms < newest.time_ms
            or reading.time_source is not TimeSource.DEVICE
            or None in {reading.key, newest.key}
            or reading.key == newest.key
            or reading.received_ms - newest.received_ms <= STILL_MS
        )


def sample_of(reading: Reading, value: Value, *, believed: bool) -> Sample:
    """One point's value as it is judged."""
    return Sample(
        at_ms=reading.time_ms if believed else reading.received_ms,
        received_ms=reading.received_ms,
        device_ms=reading.time_ms,
        clock_trusted=believed,
        device=reading.device,
        value=value,
    )
