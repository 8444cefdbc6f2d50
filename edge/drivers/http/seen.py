"""Remembers what was taken, so that a message that is sent again makes no second reading.

A message is marked after it was kept, never before: one that could not be kept is welcome again. The marks
lie in a file mapped into memory, which outlives a killed process without a write to the disk per message. A
later mark may take the place of an earlier one; the message then comes out again under the same key, which
the rules know too.
"""

import mmap
import os
import struct
from hashlib import blake2b
from pathlib import Path
from typing import Final

_SLOT: Final = struct.Struct("=8s")
_SLOTS: Final = 16_384
"""About a day of a busy entrance: the repeats of a terminal come within minutes."""
_SIZE: Final = _SLOT.size * _SLOTS


class Seen:
    """The last messages taken. With `path` they outlive the process; the file is made with its folder if
    missing, and begun anew if it has another size. Raises OSError if it can't be opened."""

    def __init__(self, path: Path | None = None) -> None:
        if path is None:
            self._slots = mmap.mmap(-1, _SIZE)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(descriptor).st_size != _SIZE:
                os.truncate(descriptor, 0)
                os.truncate(descriptor, _SIZE)
            self._slots = mmap.mmap(descriptor, _SIZE)
        finally:
            os.close(descriptor)

    def knows(self, device: str, name: str) -> bool:
        """Whether the device's message of that name was taken."""
        mark, at = _mark(device, name)
        return bool(_SLOT.unpack_from(self._slots, at)[0] == mark)

    def add(self, device: str, name: str) -> None:
        """It was taken."""
        mark, at = _mark(device, name)
        _SLOT.pack_into(self._slots, at, mark)

    def close(self) -> None:
        """Release the file."""
        self._slots.close()


def _mark(device: str, name: str) -> tuple[bytes, int]:
    digest = blake2b(f"{device}\n{name}".encode("utf-8", "replace"), digest_size=12).digest()
    return digest[:8], int.from_bytes(digest[8:], "big") % _SLOTS * _SLOT.size
