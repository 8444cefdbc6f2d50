"""What a month amounts to, as values: rows of counts and times, and what is made of them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from server.coverage.hours import Hours
from server.figures.months import Month
from server.figures.policy import FiguresPolicy

PERCENTS: Final = (50, 90, 95)


class Class(StrEnum):
    """What a task counts as. Each is one of these; only `counted` is in shares and times."""

    TEST = "test"  # a drill, or closed as a test
    LATE = "late"  # told long after it happened: the line was cut
    MUTED = "muted"  # opened, and ended or taken, while work was declared there: nobody was told
    PLANNED = "planned"  # a visit planned for later, a task that a person opened after another
    COUNTED = "counted"


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Of how many, and the times that half, 90 % and 95 % of them took at most (by nearest rank)."""

    count: int
    median: timedelta
    p90: timedelta
    p95: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Tasks opened in the month, of one group. `closed` holds the cancelled ones too; `opened` is `closed`
    and `still_open`, and the sum of all classes. `judged_*` are those whose answer, or time for one, is
    over."""

    key: str
    opened: int = 0
    closed: int = 0
    still_open: int = 0
    cancelled: int = 0
    tests: int = 0
    late: int = 0
    muted: int = 0
    planned: int = 0
    counted: int = 0
    false_alarms: int = 0
    judged_first: int = 0
    within_first: int = 0
    judged_second: int = 0
    within_second: int = 0
    answer: Quantiles | None = None
    arrival: Quantiles | None = None
    closure: Quantiles | None = None

    @property
    def first_share(self) -> float | None:
        """Answered within the first time, 0 to 1."""
        return share(self.within_first, self.judged_first)

    @property
    def second_share(self) -> float | None:
        """Answered within the second time, 0 to 1."""
        return share(self.within_second, self.judged_second)


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseAlarms:
    """Of one device model (empty: no device), or one home: tasks, those with an outcome, false ones."""

    key: str
    name: str
    tasks: int
    ended: int
    false_alarms: int

    @property
    def false_share(self) -> float | None:
        """Of those with an outcome, 0 to 1."""
        return share(self.false_alarms, self.ended)


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Steps of dispatch that fell due in the month: done, done too late, and not done though too late."""

    kind: str
    due: int
    done_late: int
    overdue: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tests:
    """Tests in the month, which are in no share: of devices by how they ended, and tasks of drills."""

    signed: int
    failed: int
    drills: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All of a month. `areas`, `kinds` and `hours_of_day` each sum up to `total`; `trend` are the months up
    to this one."""

    month: Month
    area: str
    policy: FiguresPolicy
    total: Row
    late: Row
    areas: tuple[Row, ...]
    kinds: tuple[Row, ...]
    hours_of_day: tuple[Row, ...]
    trend: tuple[Row, ...]
    models: tuple[FalseAlarms, ...]
    homes: tuple[FalseAlarms, ...]
    steps: tuple[Steps, ...]
    tests: Tests
    coverage: Hours
    names: dict[str, str]


class Light(StrEnum):
    """How a share stands to its target."""

    REACHED = "reached"
    NEAR = "near"
    MISSED = "missed"
    NONE = "none"


def light(value: float | None, target_percent: float, near_percent: float) -> Light:
    """Whether a share (0 to 1) reaches its target; None says nothing."""
    if value is None:
        return Light.NONE
    percent = value * 100
    if percent >= target_percent:
        return Light.REACHED
    return Light.NEAR if percent >= target_percent - near_percent else Light.MISSED


def share(part: int, whole: int) -> float | None:
    """0 to 1; None of nothing."""
    return part / whole if whole else None


def nearest_rank(values: Sequence[int], percent: int) -> int:
    """The smallest value that `percent` of all are at most. `values` in order, not empty."""
    return values[(len(values) * percent + 99) // 100 - 1]


def adds_up(rows: Sequence[Row], total: Row) -> bool:
    """Whether the counts of the rows are those of the total."""
    return all(sum(getattr(row, name) for row in rows) == getattr(total, name) for name in COUNTS)


COUNTS: Final = (
    "opened",
    "closed",
    "still_open",
    "cancelled",
    "tests",
    "late",
    "muted",
    "planned",
    "counted",
    "false_alarms",
    "judged_first",
    "within_first",
    "judged_second",
    "within_second",
)
Counts = dict[str, Any]
