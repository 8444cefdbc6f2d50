"""The last good desired state, in a file that is always whole."""

import os
from dataclasses import dataclass
from pathlib import Path

from gateway import wire


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
        beside = self.path.with_suffix(".new")
        with beside.open("wb") as file:
            file.write(wire.encode(message))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
