"""Room on the disk that is kept for alarms: given up the moment the disk is full, taken again later."""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Reserve:
    """A file at `path` that holds `size` bytes for nothing. 8 MB are room for some thousand alarms."""

    path: Path
    size: int

    def held(self) -> bool:
        """Whether the room is there."""
        return self.path.exists()

    def hold(self) -> bool:
        """Take the room, unless that would fill the disk; whether it is there now."""
        if self.held():
            return True
        beside = self.path.with_suffix(".new")
        try:
            if shutil.disk_usage(self.path.parent).free < 2 * self.size:
                return False
            with beside.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self.size)
            beside.replace(self.path)
        except OSError:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            return False
        return True

    def give_up(self) -> bool:
        """Leave the room to others; whether there was any."""
        try:
            self.path.unlink()
        except OSError:
            return False
        return True
