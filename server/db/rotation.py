"""Changing the seal key: a new one first, everything sealed again, the old ones dropped.

Each step may be cut off and begun again. Servers that share the key file take up the new key by themselves:
from the first step on they seal with it, and the old ones go only when nothing needs them any more.
"""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, Table, and_, cast, select, type_coerce, update
from sqlalchemy.types import String, TypeEngine

from server.db import sealed_files
from server.db.base import Base, Document
from server.db.database import Database
from server.db.sealed import MARK, Sealed, SealedWords, SealError, Seals, sealed_words

AT_ONCE: Final = 200
"""Rows in one unit of work: on SQLite everybody else waits meanwhile."""
Kept = str | dict[str, Any]
"""A sealed text, or a document with sealed words in it, as the database has it."""


def columns() -> Iterator[tuple[Table, Column[Any]]]:
    """All columns that are sealed, or hold sealed words."""
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, Sealed | SealedWords):
                yield table, column


def add_key(file: Path) -> None:
    """Puts a new key before those that there are; they go on opening. Raises OSError."""
    keys = file.read_text(encoding="utf-8").split()
    _replace(file, [secrets.token_urlsafe(32), *keys])


def keys_in(file: Path) -> int:
    """How many keys the file has."""
    return len(file.read_text(encoding="utf-8").split())


def reseal(database: Database, seals: Seals, photos: Path | None = None) -> int:
    """Seals again what older keys have sealed, texts and photos; says how many. Raises SealError, OSError."""
    texts = sum(_reseal(database, seals, table, column) for table, column in columns())
    return texts + (sealed_files.reseal(photos, seals) if photos is not None else 0)


def drop_old(database: Database, file: Path, photos: Path | None = None) -> int:
    """Takes all keys but the newest out of the file once nothing needs them; says how many. Raises SealError
    where something is still sealed with an older key."""
    seals = Seals.read(file)
    for table, column in columns():
        for _, kept in _rows(database, table, column):
            if not _is_newest(seals, kept):
                raise SealError(f"{table.name}.{column.name} is still sealed with an older key: reseal again")
    if photos is not None and (names := sealed_files.old(photos, seals)):
        raise SealError(f"{names[0]} is still sealed with an older key: reseal again")
    keys = file.read_text(encoding="utf-8").split()
    _replace(file, keys[:1])
    return len(keys) - 1


def _reseal(database: Database, seals: Seals, table: Table, column: Column[Any]) -> int:
    waiting = [(key, old) for key, old in _rows(database, table, column) if not _is_newest(seals, old)]
    plain = _plain(column)
    raw = type_coerce(column, plain)
    for start in range(0, len(waiting), AT_ONCE):
        with database.write() as session:
            for key, old in waiting[start : start + AT_ONCE]:
                # Compared with what was read: what somebody writes meanwhile is sealed with the new key.
                this = and_(*(one == value for one, value in zip(table.primary_key, key, strict=True)))
                fresh = type_coerce(_fresh(seals, old), plain)
                session.execute(update(table).where(this, raw == old).values({column: fresh}))
    return len(waiting)


def _rows(database: Database, table: Table, column: Column[Any]) -> list[tuple[tuple[object, ...], Kept]]:
    """The rows with something sealed in this column, by their keys, as they are kept."""
    raw = type_coerce(column, _plain(column)).label("sealed")
    words = isinstance(column.type, SealedWords)
    there = cast(type_coerce(column, _plain(column)), String).contains(MARK) if words else raw != ""
    with database.read() as session:
        rows = session.execute(select(*table.primary_key, raw).where(there)).all()
    return [(tuple(row[:-1]), row[-1]) for row in rows if row[-1]]


def _plain(column: Column[Any]) -> TypeEngine[Any]:
    return Document if isinstance(column.type, SealedWords) else String()


def _is_newest(seals: Seals, kept: Kept) -> bool:
    return all(seals.is_newest(one) for one in ([kept] if isinstance(kept, str) else sealed_words(kept)))


def _fresh(seals: Seals, kept: Kept) -> Kept:
    return seals.seal(seals.open(kept)) if isinstance(kept, str) else seals.seal_words(seals.open_words(kept))


def _replace(file: Path, keys: list[str]) -> None:
    """Writes the file anew beside it and puts it in its place: never half a key file."""
    beside = file.with_name(f"{file.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(
        os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as out:
        out.write("".join(f"{key}\n" for key in keys))
        out.flush()
        os.fsync(out.fileno())
    beside.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
