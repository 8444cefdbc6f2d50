"""Columns that are encrypted at rest: telephone numbers, medical notes, access codes.

Whoever copies the database, a backup or a disk reads none of them without the key, which lies in a file of
its own. Names stay in clear, so that they can be searched. Fernet (AES-128-CBC with HMAC-SHA-256, of the
`cryptography` library) seals and tells whether anything was altered; the first key seals, all of them open.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import Dialect, Engine, String
from sqlalchemy.types import TypeDecorator

_MARK: Final = "f1:"
"""What a sealed text begins with; another cipher gets another mark."""
_PLACE: Final = "sunwell_seals"


class SealError(Exception):
    """A sealed text can't be opened, or there is no key to seal with: says what to do."""


class Seals:
    """The keys. Each is 32 bytes in URL-safe base64, as `Fernet.generate_key` makes them."""

    def __init__(self, keys: Sequence[str], *, file: Path | None = None) -> None:
        self._file = file
        self._stamp = _stamp(file)
        self._take(keys)

    @classmethod
    def read(cls, file: Path) -> "Seals":
        """The keys in `file`, one a line, the newest first. They are read again where the file changes, so
        that keys are changed under running servers. Raises OSError, SealError."""
        return cls(file.read_text(encoding="utf-8").split(), file=file)

    def seal(self, text: str) -> str:
        """The text, sealed with the newest key. An empty one stays empty: there is nothing to hide."""
        self._look()
        return _MARK + self._ring.encrypt(text.encode()).decode() if text else ""

    def is_newest(self, sealed: str) -> bool:
        """Whether the newest key alone opens it."""
        self._look()
        try:
            self._newest.decrypt(sealed.removeprefix(_MARK).encode())
        except InvalidToken:
            return False
        return True

    def _take(self, keys: Sequence[str]) -> None:
        try:
            ring = [Fernet(key + "=" * (-len(key) % 4)) for key in keys]
            self._ring = MultiFernet(ring)
        except ValueError as error:
            raise SealError("a seal key is not 32 bytes in URL-safe base64: restore the key file") from error
        self._newest = ring[0]

    def _look(self) -> None:
        stamp = _stamp(self._file)
        if self._file is None or stamp is None or stamp == self._stamp:
            return
        self._take(self._file.read_text(encoding="utf-8").split())
        self._stamp = stamp

    def open(self, sealed: str) -> str:
        """The text. Raises SealError where no key fits or the text was altered."""
        if not sealed:
            return ""
        self._look()
        try:
            return self._ring.decrypt(sealed.removeprefix(_MARK).encode()).decode()
        except InvalidToken:
            raise SealError("a sealed text can't be opened with these keys: restore the key file") from None


class Sealed(TypeDecorator[str]):
    """A text that only servers with the key can read. It can't be searched or ordered by."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Seals it."""
        return value if not value else _seals(dialect).seal(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Opens it."""
        return value if not value else _seals(dialect).open(value)


def _stamp(file: Path | None) -> tuple[int, int] | None:
    """What changes when another file is put in its place; None where there is none at the moment."""
    try:
        found = file.stat() if file is not None else None
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns) if found is not None else None


def give_keys(engine: Engine, seals: Seals) -> None:
    """Lets the engine's connections seal and open."""
    setattr(engine.dialect, _PLACE, seals)


def _seals(dialect: Dialect) -> Seals:
    seals: Any = getattr(dialect, _PLACE, None)
    if not isinstance(seals, Seals):
        raise SealError("personal data is sealed and this program was given no key: set the seal key file")
    return seals
