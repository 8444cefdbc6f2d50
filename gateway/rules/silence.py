"""How long a device may be silent, by what it last said of its sampling mode.

The newest word counts, by the reading's own time: kept values that are sent later tell of the past.
"""

from edge.readings import Quality, Reading
from gateway.rules.memory import Memory
from gateway.rules.model import Silence


def hear_mode(when: Silence, memory: Memory, reading: Reading, at_ms: int) -> bool:
    """Take what a reading of `at_ms` says of the mode; whether the time of silence is another now."""
    value = reading.points.get(when.by) if when.by else None
    if value is None or when.by in reading.status or reading.quality is not Quality.GOOD:
        return False
    if memory.mode is not None and (at_ms < memory.mode[0] or memory.mode[1] == value):
        return False
    before = silent_after_ms(when, memory)
    memory.mode = (at_ms, value)
    return silent_after_ms(when, memory) != before


def silent_after_ms(when: Silence, memory: Memory) -> int:
    """After what time the device counts as silent now."""
    if memory.mode is None:
        return when.after_ms
    said = memory.mode[1]
    return next(
        (
            mode.after_ms
            for mode in when.modes
            for value in mode.values
            if value == said and isinstance(value, bool) == isinstance(said, bool)
        ),
        when.after_ms,
    )
