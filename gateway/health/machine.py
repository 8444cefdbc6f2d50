"""What the machine tells of itself: time, heat, memory, disk."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from gateway.core.wear import worn_percent

TIMESYNC: Final = Path("/run/systemd/timesync")
"""systemd-timesyncd keeps a file `synchronized` here once a time server has answered."""

BLOCK_DEVICES: Final = Path("/sys/block")

_process: Final = psutil.Process()


def wall_ms() -> int:
    """The machine's time, UTC milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> int:
    """Milliseconds on a clock that is never set."""
    return time.monotonic_ns() // 1_000_000


def synchronised(folder: Path = TIMESYNC) -> bool | None:
    """Whether a time server has set the clock since boot; None where nobody tells."""
    return (folder / "synchronized").exists() if folder.is_dir() else None


@dataclass(frozen=True, slots=True)
class Machine:
    """Percentages are 0 to 100 (`wear_percent` may say 110: beyond its life); None where the machine does not
    tell."""

    cpu_celsius: float | None
    cpu_percent: float | None
    memory_mb: float | None
    disk_free_percent: float | None
    wear_percent: float | None


def measure(folder: Path) -> Machine:
    """The machine now: its hottest processor sensor, its load since the last call, this program's memory, the
    disk that holds `folder`, and how worn the worst flash memory is."""
    return Machine(
        cpu_celsius=_told(_celsius),
        cpu_percent=_told(psutil.cpu_percent),
        memory_mb=_told(lambda: round(_process.memory_info().rss / 1e6, 1)),
        disk_free_percent=_told(lambda: round(100 - psutil.disk_usage(str(folder)).percent, 1)),
        wear_percent=wear(),
    )


def wear(devices: Path = BLOCK_DEVICES) -> float | None:
    """How much of their life the machine's SD and eMMC memories have used, in percent; None where none of
    them tells."""
    told = (
        worn_percent(_text(device / "device" / "life_time"), _text(device / "device" / "pre_eol_info"))
        for device in sorted(devices.glob("mmcblk?"))
    )
    return max((percent for percent in told if percent is not None), default=None)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def _celsius() -> float | None:
    sensors = psutil.sensors_temperatures()
    heat = [one.current for name in ("cpu_thermal", "coretemp", "k10temp") for one in sensors.get(name, ())]
    return max(heat, default=None)


def _told(ask: Callable[[], float | None]) -> float | None:
    try:
        return ask()
    except (OSError, psutil.Error, AttributeError):
        return None
