"""How long to wait before trying again."""

from typing import Final

FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 30.0


def pause_s(failures: int, jitter: float) -> float:
    """Seconds to wait after `failures` failures in a row: doubled each time, capped at 30 s, and spread by
    `jitter` (0 to 1) over three to five quarters, so that many do not come back at once."""
    pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(max(failures - 1, 0), 16))
    return float(pause * (0.75 + 0.5 * jitter))
