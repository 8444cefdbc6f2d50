"""What is encrypted at rest: telephone numbers, medical notes, access codes, what people type, and photos.

Whoever copies the database, a backup or a disk reads none of them without the key, which lies in a file of
its own. Names stay in clear, so that they can be searched. Fernet (AES-128-CBC with HMAC-SHA-256, of the
`cryptography` library) seals and tells whether anything was altered; the first key seals, all of them open.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeGuard

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import Dialect, Engine, String
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator

from server.db.base import Document

MARK: Final = "f1:"
"""What a sealed text begins with; another cipher gets another mark."""
_PLACE: Final = "sunwell_seals"
_BYTES_MARK: Final = b"sunwell-f1:"
"""What sealed bytes begin with: no picture does."""
WORDS: Final = ("note", "words", "comment", "reason", "text")
"""The keys under which documents hold what a person wrote: sealed there, and forgotten with the resident."""
_NO_KEY: Final = "what is sealed can't be opened with these keys: restore the key file"


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
        return MARK + self._ring.encrypt(text.encode()).decode() if text else ""

    def seal_bytes(self, data: bytes) -> bytes:
        """The bytes, sealed with the newest key, not a third longer as texts are."""
        self._look()
        return _BYTES_MARK + urlsafe_b64decode(self._ring.encrypt(data))

    def open_bytes(self, sealed: bytes) -> bytes:
        """The bytes; those that were kept in clear before there were seals as they are. Raises SealError."""
        if not self.is_sealed_bytes(sealed):
            return sealed
        self._look()
        try:
            return self._ring.decrypt(urlsafe_b64encode(sealed.removeprefix(_BYTES_MARK)))
        except InvalidToken:
            raise SealError(_NO_KEY) from None

    def is_newest_bytes(self, sealed: bytes) -> bool:
        """Whether they are sealed, and the newest key alone opens them."""
        token = urlsafe_b64encode(sealed.removeprefix(_BYTES_MARK)).decode()
        return self.is_sealed_bytes(sealed) and self.is_newest(token)

    @staticmethod
    def is_sealed_bytes(data: bytes) -> bool:
        """Whether that is how sealed bytes begin."""
        return data.startswith(_BYTES_MARK)

    def is_newest(self, sealed: str) -> bool:
        """Whether the newest key alone opens it."""
        self._look()
        try:
            self._newest.decrypt(sealed.removeprefix(MARK).encode())
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

    def seal_words(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The document with what people wrote in it sealed."""
        return {
            name: self.seal(value) if name in WORDS and isinstance(value, str) else value
            for name, value in document.items()
        }

    def open_words(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The document with what is sealed in it opened. Raises SealError."""
        return {
            name: self.open(value) if name in WORDS and _is_sealed(value) else value
            for name, value in document.items()
        }

    def open(self, sealed: str) -> str:
        """The text. Raises SealError where no key fits or the text was altered."""
        if not sealed:
            return ""
        self._look()
        try:
            return self._ring.decrypt(sealed.removeprefix(MARK).encode()).decode()
        except InvalidToken:
            raise SealError(_NO_KEY) from None


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


class SealedWords(TypeDecorator[dict[str, Any]]):
    """A document of which what people wrote (`WORDS`) is sealed, and nothing else: the rest can be asked for,
    and a document without words costs nothing."""

    impl = Document
    cache_ok = True

    def coerce_compared_value(self, op: OperatorType | None, value: Any) -> Any:
        """As in any document: what is asked for by a key is compared as what it is."""
        return self.impl_instance.coerce_compared_value(op, value)

    def process_bind_param(self, value: dict[str, Any] | None, dialect: Dialect) -> dict[str, Any] | None:
        """Seals the words."""
        return value if not _has_words(value) else _seals(dialect).seal_words(value)

    def process_result_value(self, value: dict[str, Any] | None, dialect: Dialect) -> dict[str, Any] | None:
        """Opens the words."""
        return value if not _has_words(value) else _seals(dialect).open_words(value)


def _has_words(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict) and any(value.get(name) for name in WORDS)


def sealed_words(document: Mapping[str, Any]) -> list[str]:
    """The sealed texts in a document as it is kept."""
    return [value for name in WORDS if isinstance(value := document.get(name), str) and _is_sealed(value)]


def _is_sealed(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(MARK)


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
