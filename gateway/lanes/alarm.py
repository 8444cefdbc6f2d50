"""The alarm lane: every occurrence is on disk before anything else happens, and stays until acknowledged.

One transaction holds the messages, the rules' new states and the messages' identities, so that a crash at
any point leaves either all of them or none: none is then heard again from its source, which was not
acknowledged. Commits are synchronous (WAL, `synchronous=FULL`); the loss at a power cut is none.

Synchronous code: run it on one thread of its own, never in an event loop.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Self

import msgspec

from gateway import wire
from gateway.lanes.files import LaneError, in_memory, open_or_set_aside
from gateway.lanes.reserve import Reserve
from gateway.rules.memory import REMEMBERED_MESSAGES, REMEMBERED_MS, Saved, Seen
from gateway.rules.model import Event
from gateway.rules.outcomes import Outcome


class AlarmLane:
    """The lane's file. `trouble` says what was wrong with it at the start."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        trouble: str | None,
        new_epoch: Callable[[], str],
        reserve: Reserve | None = None,
    ) -> None:
        self._connection = connection
        self._reserve = reserve
        self.trouble = trouble
        self.durable = not in_memory(connection)
        with self._transaction():
            if connection.execute("SELECT count(*) FROM lane").fetchone() == (0,):
                connection.execute("INSERT INTO lane VALUES (?, 0)", (new_epoch(),))
        self.epoch: str
        self._last_seq: int
        self.epoch, self._last_seq = connection.execute("SELECT epoch, last_seq FROM lane").fetchone()
        self.hold_reserve()

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        now_ms: int,
        new_epoch: Callable[[], str],
        quota_mb: int = 64,
        reserve_mb: float = 0,
    ) -> Self:
        """The lane at `path`; a broken file is set aside and what it still held is taken over.

        64 MB hold about 100,000 messages. `reserve_mb` of the disk are kept free for it beside the file.
        Raises LaneInUseError if another process has it.
        """
        connection, trouble = open_or_set_aside(path, "alarm", now_ms, maximum_mb=quota_mb, salvage=_salvage)
        reserve = Reserve(path.with_suffix(".reserve"), int(reserve_mb * 1024 * 1024)) if reserve_mb else None
        return cls(connection, trouble=trouble, new_epoch=new_epoch, reserve=reserve)

    @classmethod
    def in_memory(cls, *, trouble: str, new_epoch: Callable[[], str]) -> Self:
        """A lane without a file: the last resort, so that an alarm is told even if no disk takes it."""
        connection, _ = open_or_set_aside(Path(":memory:"), "alarm", 0)
        return cls(connection, trouble=trouble, new_epoch=new_epoch)

    def write(
        self, outcomes: Sequence[Outcome], saved: Iterable[Saved], now_ms: int
    ) -> list[wire.AlarmMessage]:
        """Keep the outcomes with the states behind them; the messages to send, in their order.

        Outcomes of a message that was kept before are dropped. On a full disk the log's own room is used
        again, then the reserve. Raises LaneError if the disk refuses.
        """
        states = list(saved)
        remedies = [self._empty_log, self._give_up_reserve]
        while True:
            try:
                return self._write(outcomes, states, now_ms)
            except sqlite3.Error as error:
                if not (_full(error) and any(remedies.pop(0)() for _ in range(len(remedies)))):
                    raise LaneError(f"alarm lane: {error}") from error

    @property
    def last(self) -> tuple[str, int]:
        """Epoch and number of the last message that was certainly kept."""
        return self.epoch, self._last_seq

    def hold_reserve(self) -> bool:
        """Whether the lane has its reserve (again); true where it has none."""
        return self._reserve is None or self._reserve.hold()

    def has_reserve(self) -> bool:
        """Whether the reserve is still there; true where the lane has none."""
        return self._reserve is None or self._reserve.held()

    def take_over(
        self,
        messages: Iterable[wire.AlarmMessage],
        saved: Iterable[Saved] = (),
        seen: Iterable[Seen] = (),
        *,
        certain: tuple[str, int] | None = None,
    ) -> None:
        """Keep what another lane held. What this file has beyond `certain` was not told to be kept and is
        among `messages` under another number. Raises LaneError if the disk refuses."""
        try:
            with self._transaction():
                if certain is not None:
                    self._connection.execute("DELETE FROM outbox WHERE epoch = ? AND seq > ?", certain)
                self._connection.executemany(
                    "INSERT OR IGNORE INTO outbox (epoch, seq, kept_ms, message) VALUES (?, ?, ?, ?)",
                    [(one.epoch, one.seq, one.gateway_ms, wire.encode(one)) for one in messages],
                )
                self._save(saved)
                self._connection.executemany(
                    "INSERT OR IGNORE INTO seen (position, rule, identity, device, received_ms)"
                    " VALUES (?, ?, ?, ?, ?)",
                    [
                        (
                            one.position,
                            one.rule,
                            one.identity,
                            one.identity.partition("\n")[0],
                            one.received_ms,
                        )
                        for one in seen
                    ],
                )
        except sqlite3.Error as error:
            raise LaneError(f"alarm lane: {error}") from error

    def acknowledge(self, epoch: str, seqs: Iterable[int]) -> None:
        """Forget what the server has stored. Raises LaneError if the disk refuses."""
        try:
            with self._transaction():
                self._connection.executemany(
                    "DELETE FROM outbox WHERE epoch = ? AND seq = ?", [(epoch, seq) for seq in seqs]
                )
        except sqlite3.Error as error:
            raise LaneError(f"alarm lane: {error}") from error

    def right(self, messages: Sequence[wire.AlarmMessage], step_ms: int, since_ms: int) -> None:
        """Replace messages by the same on a clock that was set by `step_ms`, and the times of receipt since
        then. Raises LaneError if the disk refuses."""
        try:
            with self._transaction():
                self._connection.executemany(
                    "UPDATE outbox SET kept_ms = ?, message = ? WHERE epoch = ? AND seq = ?",
                    [(one.gateway_ms, wire.encode(one), one.epoch, one.seq) for one in messages],
                )
                self._connection.execute(
                    "UPDATE seen SET received_ms = received_ms + ? WHERE received_ms >= ?",
                    (step_ms, since_ms),
                )
        except sqlite3.Error as error:
            raise LaneError(f"alarm lane: {error}") from error

    def pending(self, limit: int = 1_000_000) -> list[wire.AlarmMessage]:
        """What is not acknowledged, oldest first."""
        rows = self._connection.execute("SELECT message FROM outbox ORDER BY place LIMIT ?", (limit,))
        return [wire.decode("up/alarm", message) for (message,) in rows]

    def depth(self) -> tuple[int, int | None]:
        """How many messages wait, and since when (UTC ms) the oldest."""
        count, oldest_ms = self._connection.execute("SELECT count(*), min(kept_ms) FROM outbox").fetchone()
        return count, oldest_ms

    def states(self) -> list[Saved]:
        """The rules' states, for the engine to take up."""
        rows = self._connection.execute("SELECT position, rule, document FROM rule_state")
        return [Saved(position=position, id=rule, document=document) for position, rule, document in rows]

    def seen(self) -> list[Seen]:
        """The messages that are remembered, for the engine to take up."""
        rows = self._connection.execute(
            "SELECT position, rule, identity, received_ms FROM seen ORDER BY place"
        )
        return [
            Seen(position=position, rule=rule, identity=identity, received_ms=received_ms)
            for position, rule, identity, received_ms in rows
        ]

    def close(self) -> None:
        """Close the file. What is in it stays."""
        self._connection.close()

    def _write(
        self, outcomes: Sequence[Outcome], saved: Iterable[Saved], now_ms: int
    ) -> list[wire.AlarmMessage]:
        messages: list[wire.AlarmMessage] = []
        with self._transaction():
            fresh = self._not_seen(outcomes, now_ms)
            last_seq = self._last_seq
            for outcome in fresh:
                last_seq += 1
                messages.append(_message(outcome, self.epoch, last_seq, now_ms))
            self._connection.executemany(
                "INSERT INTO outbox (epoch, seq, kept_ms, message) VALUES (?, ?, ?, ?)",
                [(self.epoch, one.seq, now_ms, wire.encode(one)) for one in messages],
            )
            self._connection.execute("UPDATE lane SET last_seq = ?", (last_seq,))
            self._save(saved)
        self._last_seq = last_seq
        return messages

    def _empty_log(self) -> bool:
        """Bring what stands in the write-ahead log into the file, so that the log begins again."""
        try:
            (busy, frames, moved) = self._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        except sqlite3.Error:
            return False
        return bool(busy == 0 and frames == moved > 0)

    def _give_up_reserve(self) -> bool:
        return self._reserve is not None and self._reserve.give_up()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                with suppress(sqlite3.Error):  # a damaged file refuses this too; the first error is told
                    self._connection.execute("ROLLBACK")
            raise

    def _not_seen(self, outcomes: Sequence[Outcome], now_ms: int) -> list[Outcome]:
        """Those that come from no message kept before; their messages are remembered from now on."""
        asked: dict[tuple[str, str, str], bool] = {}
        fresh: list[Outcome] = []
        for outcome in outcomes:
            if outcome.identity is None:
                fresh.append(outcome)
                continue
            name = (outcome.rule.position, outcome.rule.id, outcome.identity)
            if name not in asked:
                cursor = self._connection.execute(
                    "INSERT OR IGNORE INTO seen (position, rule, identity, device, received_ms)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (*name, outcome.device, now_ms),
                )
                asked[name] = cursor.rowcount == 1
            if asked[name]:
                fresh.append(outcome)
        self._prune({outcome.device for outcome in fresh if outcome.identity is not None}, now_ms)
        return fresh

    def _prune(self, devices: Iterable[str], now_ms: int) -> None:
        for device in devices:
            self._connection.execute(
                "DELETE FROM seen WHERE device = ?1 AND place <="
                " (SELECT place FROM seen WHERE device = ?1 ORDER BY place DESC LIMIT 1 OFFSET ?2)",
                (device, REMEMBERED_MESSAGES),
            )
        self._connection.execute("DELETE FROM seen WHERE received_ms < ?", (now_ms - REMEMBERED_MS,))

    def _save(self, saved: Iterable[Saved]) -> None:
        for state in saved:
            if state.document is None:
                for table in ("rule_state", "seen"):
                    self._connection.execute(
                        f"DELETE FROM {table} WHERE position = ? AND rule = ?",  # noqa: S608  # a name from this file
                        (state.position, state.id),
                    )
            else:
                self._connection.execute(
                    "INSERT OR REPLACE INTO rule_state VALUES (?, ?, ?)",
                    (state.position, state.id, state.document),
                )


def _full(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL


def _message(outcome: Outcome, epoch: str, seq: int, now_ms: int) -> wire.AlarmMessage:
    return wire.AlarmMessage(
        epoch=epoch,
        seq=seq,
        event=outcome.event,
        breach=outcome.breach,
        position=outcome.rule.position,
        device=outcome.device,
        rule=outcome.rule.id,
        severity=outcome.rule.severity,
        task_kind=outcome.rule.task_kind,
        point=outcome.point,
        value=outcome.value,
        device_ms=outcome.device_ms,
        gateway_ms=now_ms,
        clock_trusted=outcome.clock_trusted,
        ends=not isinstance(outcome.rule.when, Event),
    )


def _salvage(connection: sqlite3.Connection, broken: Path) -> int:
    """Take over what a broken file still gives: messages under their old epoch, states, identities."""
    saved = 0
    tables = (
        ("outbox", "epoch, seq, kept_ms, message"),
        ("rule_state", "position, rule, document"),
        ("seen", "position, rule, device, identity, received_ms"),
    )
    connection.execute("BEGIN IMMEDIATE")
    for table, columns in tables:
        marks = ", ".join("?" * (columns.count(",") + 1))
        try:
            with closing(sqlite3.connect(broken)) as old:
                for row in old.execute(f"SELECT {columns} FROM {table}"):  # noqa: S608  # names from this file
                    if table == "outbox":
                        wire.decode("up/alarm", row[3])
                    connection.execute(f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})", row)  # noqa: S608
                    saved += 1
        except (sqlite3.Error, wire.WireError, msgspec.MsgspecError, TypeError):
            continue  # what comes after the damage is lost; the file set aside is there for a person
    connection.execute("COMMIT")
    return saved
