"""Files that are sealed: written, read, and sealed again with another key. One is never there by half."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from server.db.sealed import Seals

_BESIDE: Final = ".sealing"


def write(path: Path, data: bytes, seals: Seals) -> None:
    """Puts the file there, sealed, for this program's user alone. Raises OSError."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}{_BESIDE}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(seals.seal_bytes(data))
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def read(path: Path, seals: Seals) -> bytes:
    """What is in it. One that was written before files were sealed is read as it is. Raises OSError,
    SealError."""
    return seals.open_bytes(path.read_bytes())


def reseal(folder: Path, seals: Seals) -> int:
    """Seals with the newest key what is in clear, or sealed with an older one; says how many files. Raises
    OSError, SealError."""
    done = 0
    for path in _files(folder):
        done += _reseal(path, seals, newest=True)
    return done


def seal_clear(folder: Path, seals: Seals) -> int:
    """Seals what is still in clear, as it was written before files were sealed. Only beginnings are read.
    Says how many files. Raises OSError."""
    return sum(
        _reseal(path, seals, newest=False) for path in _files(folder) if not _begins_sealed(path, seals)
    )


def old(folder: Path, seals: Seals) -> list[str]:
    """The files that the newest key does not open. Raises OSError."""
    return [path.name for path in _files(folder) if not seals.is_newest_bytes(path.read_bytes())]


def _reseal(path: Path, seals: Seals, *, newest: bool) -> int:
    try:
        data = path.read_bytes()
        if newest and seals.is_newest_bytes(data):
            return 0
        write(path, seals.open_bytes(data), seals)
    except FileNotFoundError:
        return 0  # deleted meanwhile
    return 1


def _begins_sealed(path: Path, seals: Seals) -> bool:
    try:
        with path.open("rb") as file:
            return seals.is_sealed_bytes(file.read(32))
    except FileNotFoundError:
        return True  # deleted meanwhile: nothing to seal


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.is_file() and path.suffix != _BESIDE)
