"""What the simulation itself writes down of the day, to hold the server's figures against."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from server.db.database import Change, Database
from server.db.models import Task
from server.figures.months import local_hour
from tests.soak.clock import FakeClock

ZONE = "Asia/Shanghai"


@dataclass(kw_only=True)
class Life:
    """One task as the simulation saw it."""

    id: int
    area: str
    kind: str
    opened_at: datetime
    told_at: datetime | None = None
    late: bool = False
    test: bool = False
    muted: bool = False
    planned: bool = False
    acknowledged_at: datetime | None = None
    closed_at: datetime | None = None
    outcome: str | None = None
    cancelled: bool = False

    @property
    def counts_as(self) -> str:
        """Its class in the figures."""
        if self.test or self.outcome == "test":
            return "tests"
        flags = {"late": self.late, "muted": self.muted, "planned": self.planned}
        return next((name for name, holds in flags.items() if holds), "counted")

    @property
    def answered_after(self) -> timedelta | None:
        """From when people were told to the first who took it, or to its end."""
        at = self.acknowledged_at or self.closed_at
        return None if at is None else at - (self.told_at or self.opened_at)


@dataclass(kw_only=True)
class Ledger:
    """The simulation's own event log: told of commits by the database, of messages by the gateways' side and
    of what people did by the people."""

    clock: FakeClock
    database: Database
    lives: dict[int, Life] = field(default_factory=dict)
    drills: list[tuple[frozenset[str], datetime, datetime]] = field(default_factory=list)
    works: list[tuple[str, datetime, datetime]] = field(default_factory=list)  # well, from, to
    events: Counter[str] = field(default_factory=Counter)
    _late: bool = False

    @contextmanager
    def telling(self, *, late: bool) -> Iterator[None]:
        """While a gateway's message is taken in."""
        self._late = late
        try:
            yield
        finally:
            self._late = False

    def changed(self, change: Change) -> None:
        """A commit's news; as the server's own pages get them."""
        if change.kind != "task":
            return
        self.events[change.what] += 1
        number, now = int(change.id), self.clock.now()
        if change.what in ("opened", "planned"):
            known = self.lives.get(number)
            if known is None:
                self._open(number, planned=change.what == "planned")
            elif known.muted and known.acknowledged_at is None:
                known.muted, known.told_at = False, now
        elif change.what == "withdrawn":
            self.lives[number].closed_at = now
            self.lives[number].cancelled = True
        elif change.what == "recurred" and not self._is_drill(self.lives[number].area, now):
            self.lives[number].test = False

    def did(self, number: int, action: str, *, outcome: str | None) -> None:
        """Somebody did this, and it was accepted."""
        life, now = self.lives[number], self.clock.now()
        self.events[f"people {action}"] += 1
        if action == "acknowledge" and life.acknowledged_at is None:
            life.acknowledged_at = now
        if action in ("close", "cancel"):
            life.closed_at = now
            life.cancelled = action == "cancel"
        life.outcome = outcome or life.outcome

    def _open(self, number: int, *, planned: bool) -> None:
        now = self.clock.now()
        with self.database.read() as session:
            task = session.get_one(Task, number)
        works = (since <= now < until for well, since, until in self.works if well == task.subject_id)
        self.lives[number] = Life(
            id=number,
            area=task.area_id,
            kind=task.kind,
            opened_at=now,
            late=self._late,
            test=not planned and self._is_drill(task.area_id, now),
            muted=any(works),
            planned=planned,
        )

    def _is_drill(self, area: str, at: datetime) -> bool:
        return any(area in areas and since <= at < until for areas, since, until in self.drills)

    def counts(self, lives: Iterable[Life] | None = None) -> dict[str, int]:
        """Opened, ended and by class, as the figures name them."""
        chosen = list(self.lives.values()) if lives is None else list(lives)
        by_class = Counter(life.counts_as for life in chosen)
        ended = sum(life.closed_at is not None for life in chosen)
        return {
            "opened": len(chosen),
            "closed": ended,
            "still_open": len(chosen) - ended,
            "cancelled": sum(life.cancelled for life in chosen),
            "false_alarms": sum(
                life.outcome == "false_alarm" and life.counts_as != "tests" for life in chosen
            ),
            **{name: by_class[name] for name in ("tests", "late", "muted", "planned", "counted")},
        }

    def answered(self, urgent: set[int], seconds: int) -> int:
        """How many of the counted ones among `urgent` were answered within so many seconds."""
        return sum(
            life.counts_as == "counted"
            and (after := life.answered_after) is not None
            and after <= timedelta(seconds=seconds)
            for number, life in self.lives.items()
            if number in urgent
        )

    def by_hour(self) -> Counter[int]:
        """Openings by the local hour of the day."""
        return Counter(local_hour(life.opened_at, ZONE) for life in self.lives.values())

    def by_area(self) -> Counter[str]:
        """Openings by area."""
        return Counter(life.area for life in self.lives.values())
