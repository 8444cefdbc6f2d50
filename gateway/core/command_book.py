"""What was asked of the gateway and how it was answered, so that nothing is done twice.

Rules: a command is written into the book before it begins; its last reply is kept until long after its
expiry, when a late copy of it would be refused anyway. What had begun when the program ended is answered as
unknown: it may or may not have been done.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from gateway import wire

MOST: Final = 500
"""Entries; with this many still to be kept, new commands are refused."""
KEPT_MS: Final = 7 * 24 * 3_600_000
"""After its expiry: a LoRaWAN device in a well may take days to confirm."""
INTERRUPTED: Final = "it had begun when the program ended: look whether it was done before repeating it"
_RANK: Final = {"queued": 1, "transmitted": 2, "done": 3}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A command that has begun; `reply` is the last word on it, None as long as there is none."""

    id: str
    expires_ms: int
    reply: wire.ReplyMessage | None = None


class CommandBook:
    """The entries, oldest first."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._entries = {entry.id: entry for entry in entries}

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def get(self, command_id: str) -> Entry | None:
        """The entry of a command that has come before."""
        return self._entries.get(command_id)

    def begin(self, command: wire.CommandMessage, now_ms: int) -> bool:
        """Enter a command before it begins. False if there is no room."""
        for old in [entry for entry in self if now_ms - entry.expires_ms > KEPT_MS]:
            del self._entries[old.id]
        if len(self._entries) >= MOST:
            gone = next((entry for entry in self if _over(entry) and now_ms >= entry.expires_ms), None)
            if gone is None:
                return False
            del self._entries[gone.id]
        self._entries[command.id] = Entry(id=command.id, expires_ms=command.expires_ms)
        return True

    def answer(self, reply: wire.ReplyMessage) -> bool:
        """Keep a reply. False if its command is not in the book, or a later word on it is already there."""
        entry = self._entries.get(reply.id)
        if entry is None or (entry.reply is not None and _rank(reply) <= _rank(entry.reply)):
            return False
        self._entries[reply.id] = msgspec.structs.replace(entry, reply=reply)
        return True

    def interrupted(self) -> list[wire.ReplyMessage]:
        """After a start: answer what had begun and was not answered."""
        replies = [
            wire.ReplyMessage(id=entry.id, ok=False, detail=INTERRUPTED)
            for entry in self
            if entry.reply is None
        ]
        for reply in replies:
            self.answer(reply)
        return replies


def _over(entry: Entry) -> bool:
    return entry.reply is not None and _rank(entry.reply) == _RANK["done"]


def _rank(reply: wire.ReplyMessage) -> int:
    return _RANK[reply.stage] if reply.ok and reply.stage is not msgspec.UNSET else _RANK["done"]
