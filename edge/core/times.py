"""Whether a device's own time can be believed."""

from typing import Final

from edge.readings import TimeSource

EARLIEST_MS: Final = 1_577_836_800_000
"""2020-01-01T00:00Z: no device in use is older than this project; a clock that says so was never set."""
AHEAD_MS: Final = 86_400_000
"""A day ahead covers a device set to local time anywhere without believing in next year."""


def judge_time(device_ms: int | None, received_ms: int) -> tuple[int, TimeSource, str | None]:
    """(time of the reading, whose clock it is, what was wrong with the device's clock).

    A time before 2020 or more than a day ahead of the receipt is replaced by the time of receipt. While
    the gateway's own clock is unset (before 2020), a device's time cannot be called "ahead".
    """
    if device_ms is None:
        return received_ms, TimeSource.GATEWAY, None
    if device_ms < EARLIEST_MS:
        return received_ms, TimeSource.GATEWAY, f"device time {device_ms} ms lies before 2020"
    if received_ms >= EARLIEST_MS and device_ms > received_ms + AHEAD_MS:
        ahead_s = (device_ms - received_ms) // 1000
        return received_ms, TimeSource.GATEWAY, f"device time is {ahead_s} s ahead of the receipt"
    return device_ms, TimeSource.DEVICE, None
