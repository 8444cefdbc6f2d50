"""What a rule remembers, when the gateway's clock is set.

Only times that were stamped by that clock in this run are moved: those from before the run, and those of
devices with clocks of their own, were not wrong with it. After a clock that ran ahead nothing may be left in
the future, or everything that comes would be taken for old.
"""

from itertools import pairwise

from msgspec.structs import replace

from gateway.rules.memory import Memory
from gateway.rules.timeline import Run

DEVICE_CLOCKS_MS = 60_000
"""A step smaller than this can't be told from the difference to a device's own clock: samples of a rate,
which do not say whose clock they are of, then stay."""


def shift_memory(memory: Memory, delta_ms: int, *, since_ms: int, now_ms: int) -> None:
    """Move what was stamped from `since_ms` up to `now_ms`, both by the old clock, to the new one."""

    def moved(at_ms: int) -> int:
        return at_ms + delta_ms if since_ms <= at_ms <= now_ms else at_ms

    timeline = memory.timeline
    for run in timeline.runs:
        start = run.start
        received_ms = moved(start.received_ms)
        if start.at_ms == start.received_ms:
            device_ms = received_ms if start.device_ms == start.received_ms else start.device_ms
            run.start = replace(start, at_ms=received_ms, received_ms=received_ms, device_ms=device_ms)
            run.last_ms = max(moved(run.last_ms), received_ms)
        else:
            run.start = replace(start, received_ms=received_ms)
    if timeline.horizon_ms is not None:
        timeline.horizon_ms = moved(timeline.horizon_ms)
    timeline.runs = _in_order(timeline.runs)
    if abs(delta_ms) > DEVICE_CLOCKS_MS:
        memory.samples = sorted((moved(at_ms), value) for at_ms, value in memory.samples)
    # A press from before the step must never make one after it look like its echo.
    memory.marks = [mark for mark in memory.marks if mark[1] <= now_ms + delta_ms]
    if memory.mode is not None:
        memory.mode = (min(memory.mode[0], now_ms + delta_ms), memory.mode[1])


def _in_order(runs: list[Run]) -> list[Run]:
    """The runs by time, alternating again."""
    ordered: list[Run] = []
    for run in sorted(runs, key=lambda run: run.first_ms):
        before = ordered[-1] if ordered else None
        if before is not None and before.holds == run.holds:
            before.last_ms = max(before.last_ms, run.last_ms)
            before.breach = run.breach or before.breach
        else:
            ordered.append(run)
    for run, following in pairwise(ordered):
        run.last_ms = max(run.first_ms, min(run.last_ms, following.first_ms))
    return ordered
