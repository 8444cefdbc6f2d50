"""The last good desired state and the book of commands, each in a file that is always whole."""

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from gateway import wire
from gateway.core.command_book import CommandBook, Entry


@dataclass(frozen=True, slots=True)
class DesiredStore:
    """One document at `path`; a crash leaves either the old one or the new one."""

    path: Path

    def read(self) -> wire.DesiredMessage | None:
        """The document; None if there is none yet. Raises OSError or WireError."""
        try:
            payload = self.path.read_bytes()
        except FileNotFoundError:
            return None
        message: wire.DesiredMessage = wire.decode("down/desired", payload)
        return message

    def write(self, message: wire.DesiredMessage) -> None:
        """Replace the document; it is on disk when this returns. Raises OSError."""
        _replace(self.path, wire.encode(message))


@dataclass(frozen=True, slots=True)
class BookStore:
    """The book of commands at `path`; a crash leaves either the old one or the new one."""

    path: Path

    def read(self) -> CommandBook:
        """The book; an empty one if there is none yet. Raises OSError or msgspec.DecodeError."""
        try:
            payload = self.path.read_bytes()
        except FileNotFoundError:
            return CommandBook()
        return CommandBook(msgspec.json.decode(payload, type=list[Entry]))

    def write(self, entries: list[Entry]) -> None:
        """Replace the book; it is on disk when this returns. Raises OSError."""
        _replace(self.path, msgspec.json.encode(entries))


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_suffix(".new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
