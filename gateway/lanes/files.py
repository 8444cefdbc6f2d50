"""A lane's SQLite file: opened, checked, brought to the present schema, and set aside when it is broken."""

import sqlite3
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Final

MEMORY: Final = ":memory:"


class LaneError(Exception):
    """The lane's file can't be used now: the disk is full or broken, or its folder can't be written."""


class LaneInUseError(LaneError):
    """Another process holds the file. Two gateways must not share one data folder."""


class LaneBrokenError(LaneError):
    """The file is damaged, or was written by newer software."""


def open_file(path: Path | str, lane: str, *, maximum_mb: int | None = None) -> sqlite3.Connection:
    """The lane's file at its present schema, locked for this process, every commit on disk when it returns.

    A file is never bigger than `maximum_mb`. Raises LaneBrokenError, LaneInUseError or LaneError.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1)
    except sqlite3.Error as error:
        raise LaneError(f"{path}: cannot be opened: {error}") from error
    try:
        _prepare(connection, lane, maximum_mb)
    except sqlite3.OperationalError as error:
        connection.close()
        kind = LaneInUseError if "locked" in str(error) else LaneError
        raise kind(f"{path}: {error}") from error
    except sqlite3.DatabaseError as error:
        connection.close()
        raise LaneBrokenError(f"{path}: {error}") from error
    except LaneError:
        connection.close()
        raise
    return connection


def open_or_set_aside(
    path: Path,
    lane: str,
    now_ms: int,
    *,
    maximum_mb: int | None = None,
    salvage: Callable[[sqlite3.Connection, Path], int] | None = None,
) -> tuple[sqlite3.Connection, str | None]:
    """The lane's file and what was wrong with it, if anything.

    A broken file is renamed to `NAME.broken-TIME` and a new one is begun; `salvage(new, broken)` may take
    over what can still be read. If the folder can't be written, the lane lives in memory.
    """
    try:
        return open_file(path, lane, maximum_mb=maximum_mb), None
    except LaneBrokenError as error:
        reason = str(error)
    except LaneInUseError:
        raise
    except LaneError as error:
        return open_file(MEMORY, lane), f"{error}; kept in memory only, until the next start"
    broken = path.with_name(f"{path.name}.broken-{now_ms}")
    try:
        for suffix in ("", "-wal", "-shm"):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.rename(broken.with_name(broken.name + suffix))
        connection = open_file(path, lane, maximum_mb=maximum_mb)
    except (OSError, LaneError) as error:
        return open_file(MEMORY, lane), f"{reason}; {error}; kept in memory only, until the next start"
    saved = salvage(connection, broken) if salvage is not None else 0
    return connection, f"{reason}; set aside as {broken.name}, {saved} rows could still be read"


def in_memory(connection: sqlite3.Connection) -> bool:
    """Whether the lane has no file: what it holds is gone with the process."""
    (_, _, file) = connection.execute("PRAGMA database_list").fetchone()
    return not file


def _prepare(connection: sqlite3.Connection, lane: str, maximum_mb: int | None) -> None:
    # Exclusive: a second gateway on the same folder is refused; also spares the shared-memory file.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    if maximum_mb is not None:
        (page_size,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute(f"PRAGMA max_page_count = {maximum_mb * 1024 * 1024 // int(page_size)}")
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise LaneBrokenError(f"integrity check: {verdict}")
    _migrate(connection, lane)


def _migrate(connection: sqlite3.Connection, lane: str) -> None:
    """Run the numbered files that this database has not seen, each whole or not at all."""
    folder = resources.files("gateway.lanes") / "migrations" / lane
    scripts = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda f: f.name)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(scripts):
        raise LaneBrokenError(f"schema {version} is newer than this program's {len(scripts)}")
    for number, script in enumerate(scripts[version:], start=version + 1):
        text = script.read_text(encoding="utf-8")
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{text}\nPRAGMA user_version = {number};\nCOMMIT;")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
