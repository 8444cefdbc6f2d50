"""How far the machine's clock is from the time servers', from what its time service tells in words.

Positive: our clock is ahead. timesyncd tells what it found at its last poll, before it corrected the clock.
"""

import re
from typing import Final

_TIMESYNCD: Final = re.compile(r"^\s*Offset: ([+-])(.+)$", re.MULTILINE)
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|min|h|day|days|d|w)(?![a-z])")
_CHRONY: Final = re.compile(r"^System time\s*: (\d+\.\d+) seconds (slow|fast) of NTP time$", re.MULTILINE)
_MS: Final = {
    "us": 0.001,
    "ms": 1.0,
    "s": 1_000.0,
    "min": 60_000.0,
    "h": 3_600_000.0,
    "d": 86_400_000.0,
    "day": 86_400_000.0,
    "days": 86_400_000.0,
    "w": 604_800_000.0,
}


def from_timesyncd(text: str) -> float | None:
    """Milliseconds, from `timedatectl timesync-status`, which gives the servers' time minus ours; None if
    no server has answered."""
    found = _TIMESYNCD.search(text)
    spans = _SPAN.findall(found[2]) if found else []
    if found is None or not spans:
        return None
    size = sum(float(number) * _MS[unit] for number, unit in spans)
    return round(-size if found[1] == "+" else size, 3)


def from_chrony(text: str) -> float | None:
    """Milliseconds, from `chronyc tracking`; None if it says nothing of it or follows nobody."""
    found = _CHRONY.search(text)
    if found is None or "Not synchronised" in text:
        return None
    size = float(found[1]) * 1_000
    return round(size if found[2] == "fast" else -size, 3)
