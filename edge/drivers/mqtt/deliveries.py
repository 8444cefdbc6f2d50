"""Gives each delivery of the broker a key, so that a repeated delivery is known and a new press is not taken
for one.

The rule. The broker numbers its deliveries within a session (packet id) and sends one again, with the same
number and the DUP flag, until it has our acknowledgement. Numbers are used again later, so a number alone
names nothing:

- without DUP the message is new, whatever its number: it gets a fresh key, kept under its number with a
  digest of topic and payload;
- with DUP and the same digest under its number, it is that delivery again: it gets the same key;
- with DUP otherwise, we never handled it: a fresh key;
- a new session of the broker (no session present) forgets all numbers.

So a message without DUP is never dropped for another's sake. The numbers are kept in a file mapped into
memory, which outlives the killed process without a write to the disk per message. After a power cut the file
may be older than the broker's session; then a message may come out doubled, as a second occurrence of the
same alarm.
"""

import mmap
import os
import secrets
import struct
from hashlib import blake2b
from pathlib import Path
from typing import Final

_SLOT: Final = struct.Struct("=8s8s")  # digest, key
_SLOTS: Final = 65_536
_SIZE: Final = _SLOT.size * _SLOTS


def digest_of(topic: str, payload: bytes) -> bytes:
    """Eight bytes that tell messages apart."""
    return blake2b(b"%b\0%b" % (topic.encode(), payload), digest_size=8).digest()


class Deliveries:
    """The last delivery under each packet id. With `path` they outlive the process; the file is made with
    its folder if missing, and begun anew if it has another size."""

    def __init__(self, path: Path | None = None) -> None:
        if path is None:
            self._slots = mmap.mmap(-1, _SIZE)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(descriptor).st_size != _SIZE:
                os.truncate(descriptor, 0)
                os.truncate(descriptor, _SIZE)  # sparse: takes room only as numbers are used
            self._slots = mmap.mmap(descriptor, _SIZE)
        finally:
            os.close(descriptor)

    def key(self, *, mid: int, dup: bool, digest: bytes) -> str:
        """The key of a delivery with packet id `mid` (1 to 65535)."""
        kept_digest, kept_key = _SLOT.unpack_from(self._slots, mid * _SLOT.size)
        if dup and kept_digest == digest:
            return f"m{kept_key.hex()}"
        fresh = secrets.token_bytes(8)
        _SLOT.pack_into(self._slots, mid * _SLOT.size, digest, fresh)
        return f"m{fresh.hex()}"

    def forget(self) -> None:
        """The broker began a new session: its numbers mean nothing any more."""
        self._slots[:] = bytes(_SIZE)

    def close(self) -> None:
        """Release the file."""
        self._slots.close()
