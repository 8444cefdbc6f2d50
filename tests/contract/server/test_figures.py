"""The figures in SQL are those that one counts by hand, on both SQL engines, in any time zone."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import literal

from server.db.database import Database
from server.db.models import Area, Task
from server.db.moments import MICROSECOND
from server.figures import months, queries
from server.figures.model import COUNTS, Class, Quantiles, Row, adds_up, nearest_rank
from server.figures.policy import FiguresPolicy
from server.figures.queries import Scope

START = datetime(2026, 2, 28, 16, 0, tzinfo=UTC)
MARCH = months.parse("2026-03", "Asia/Shanghai")
POLICY = FiguresPolicy()
NOW = datetime(2026, 3, 20, 4, 0, tzinfo=UTC)
MOMENTS = st.one_of(
    st.integers(-4 * 86_400, 34 * 86_400).map(lambda s: START + timedelta(seconds=s)),
    st.sampled_from([MARCH.start, MARCH.start - MICROSECOND, MARCH.end, MARCH.end - MICROSECOND]),
    st.integers(0, 86_400_000_000).map(lambda us: START + us * MICROSECOND),
    st.integers(0, 400).map(lambda s: NOW - timedelta(seconds=s)),
)
LATER = st.one_of(
    st.none(),
    st.sampled_from([0, 59_999_999, 60_000_000, 60_000_001, 180_000_000, 180_000_001]),
    st.integers(0, 400_000_000),
    st.integers(0, 9 * 86_400_000_000),
)


@dataclass(frozen=True)
class Made:
    """A task as it is made up."""

    created: datetime
    kind: str
    severity: str
    area: str
    answer: int | None
    arrival: int | None
    closure: int | None
    outcome: str | None
    cancelled: bool
    test: bool
    late: bool
    muted: bool
    planned: bool
    told: int | None = None

    @property
    def as_class(self) -> Class:
        if self.test or self.outcome == "test":
            return Class.TEST
        early = self.told is not None and self.answer is not None and self.answer < self.told
        flags = ((self.late, Class.LATE), (self.muted or early, Class.MUTED), (self.planned, Class.PLANNED))
        return next((each for flag, each in flags if flag), Class.COUNTED)

    @property
    def waited_from(self) -> datetime:
        return self.created + (self.told or 0) * MICROSECOND

    @property
    def answered(self) -> int | None:
        return self.since_told(self.closure if self.answer is None else self.answer)

    def since_told(self, micros: int | None) -> int | None:
        return None if micros is None else micros - (self.told or 0)


MADE = st.builds(
    Made,
    created=MOMENTS,
    kind=st.sampled_from(["care", "care", "well", "maintenance"]),
    severity=st.sampled_from(["critical", "critical", "major", "minor"]),
    area=st.sampled_from(["a1", "a2"]),
    answer=LATER,
    arrival=LATER,
    closure=LATER,
    outcome=st.sampled_from([None, "helped_on_site", "false_alarm", "test"]),
    cancelled=st.booleans(),
    test=st.sampled_from([False, False, False, True]),
    late=st.sampled_from([False, False, True]),
    muted=st.sampled_from([False, False, False, True]),
    planned=st.sampled_from([False, False, False, True]),
    told=st.sampled_from([None, None, 0, 60_000_000, 7_200_000_000]),
)


def row(number: int, made: Made) -> Task:
    """As it is stored."""

    def after(micros: int | None) -> datetime | None:
        return None if micros is None else made.created + micros * MICROSECOND

    return Task(
        kind=made.kind,
        subject_kind="position",
        subject_id=f"p{number}",
        area_id=made.area,
        severity=made.severity,
        rule="sos",
        state="cancelled" if made.cancelled else "new",
        late=made.late,
        device_at=made.created,
        gateway_at=made.created,
        created_at=made.created,
        last_at=made.created,
        acknowledged_at=after(made.answer),
        arrived_at=after(made.arrival),
        closed_at=after(made.closure),
        outcome=made.outcome,
        test=made.test,
        muted=made.muted,
        told_at=after(made.told),
        due_at=NOW if made.planned else None,
    )


def by_hand(
    made: Sequence[Made], key: Callable[[Made], Any], *, targeted: bool, timed_class: Class
) -> dict[Any, Row]:
    """What the rows have to be."""
    groups: dict[Any, list[Made]] = {}
    for one in made:
        if MARCH.start <= one.created < MARCH.end:
            groups.setdefault(key(one), []).append(one)
    return {name: _row(str(name), members, targeted, timed_class) for name, members in groups.items()}


def _row(key: str, members: list[Made], targeted: bool, timed_class: Class) -> Row:
    timed = [
        one
        for one in members
        if one.as_class is timed_class
        and (not targeted or (one.kind in POLICY.kinds and one.severity in POLICY.severities))
    ]
    classes = Counter(one.as_class for one in members)
    shares = {}
    for name, limit in (("first", 60), ("second", 180)):
        over = [one for one in timed if NOW - one.waited_from >= timedelta(seconds=limit)]
        shares[f"judged_{name}"] = sum(one.answered is not None or one in over for one in timed)
        shares[f"within_{name}"] = sum(
            one.answered is not None and one.answered <= limit * 1_000_000 for one in timed
        )
    return Row(
        key=key,
        opened=len(members),
        closed=sum(one.closure is not None for one in members),
        still_open=sum(one.closure is None for one in members),
        cancelled=sum(one.cancelled for one in members),
        tests=classes[Class.TEST],
        late=classes[Class.LATE],
        muted=classes[Class.MUTED],
        planned=classes[Class.PLANNED],
        counted=classes[Class.COUNTED],
        false_alarms=sum(o.outcome == "false_alarm" and o.as_class is not Class.TEST for o in members),
        answer=_times([one.answered for one in timed]),
        arrival=_times([one.since_told(one.arrival) for one in timed]),
        closure=_times([one.since_told(one.closure) for one in timed]),
        **shares,
    )


def _times(values: list[int | None]) -> Quantiles | None:
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    return Quantiles(len(known), *(nearest_rank(known, p) * MICROSECOND for p in (50, 90, 95)))


@pytest.fixture
def areas(database: Database) -> Database:
    """The database with two areas."""
    with database.write() as session:
        session.add_all([Area(id=one, kind="grid", name=one) for one in ("a1", "a2")])
    return database


GROUPS: dict[str, tuple[Any, Callable[[Made], Any]]] = {
    "all": (literal("total"), lambda _: "total"),
    "area": (Task.area_id, lambda one: one.area),
    "kind": (Task.kind + "/" + Task.severity, lambda one: f"{one.kind}/{one.severity}"),
    "hour": (
        months.hour_of(Task.created_at, MARCH.start, MARCH.end, "Asia/Shanghai"),
        lambda one: months.local_hour(one.created, "Asia/Shanghai"),
    ),
    "month": (
        months.month_of(Task.created_at, [MARCH.plus(-1), MARCH]),
        lambda one: months.place_in(one.created, [MARCH.plus(-1), MARCH]),
    ),
}


@settings(
    max_examples=10,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(made=st.lists(MADE, max_size=25))
def test_sql_counts_as_one_does_by_hand(areas: Database, made: list[Made]) -> None:
    with areas.write() as session:
        session.add_all([row(number, one) for number, one in enumerate(made)])
        session.flush()
        scope = Scope(start=MARCH.start, end=MARCH.end)
        for name, (by, key) in GROUPS.items():
            ways = ((True, None), (False, Class.LATE)) if name == "all" else ((name != "kind", None),)
            for targeted, only in ways:
                found = queries.rows(session, scope, POLICY, by=by, targeted=targeted, only=only, now=NOW)
                expected = by_hand(made, key, targeted=targeted, timed_class=only or Class.COUNTED)
                assert found == expected, name
        narrow = Scope(start=MARCH.start, end=MARCH.end, area_ids=["a1"])
        total = queries.rows(session, narrow, POLICY, by=literal("total"), now=NOW)
        assert total == by_hand(
            [one for one in made if one.area == "a1"],
            lambda _: "total",
            targeted=True,
            timed_class=Class.COUNTED,
        )
        session.rollback()


def test_hours_follow_a_clock_that_is_changed(areas: Database) -> None:
    zone = "Europe/London"
    march = months.parse("2026-03", zone)
    moments = [datetime(2026, 3, 29, hour, 30, tzinfo=UTC) for hour in range(4)]
    with areas.write() as session:
        session.add_all(
            row(
                n,
                Made(at, "care", "critical", "a1", None, None, None, None, False, False, False, False, False),
            )
            for n, at in enumerate(moments)
        )
        session.flush()
        scope = Scope(start=march.start, end=march.end)
        hour = months.hour_of(Task.created_at, march.start, march.end, zone)
        found = queries.rows(session, scope, POLICY, by=hour, now=NOW)
        assert {key: one.opened for key, one in found.items()} == {0: 1, 2: 1, 3: 1, 4: 1}
        session.rollback()


def test_rows_that_add_up_and_those_that_do_not() -> None:
    parts = [Row(key="a", opened=2, closed=1), Row(key="b", opened=3)]
    assert adds_up(parts, Row(key="total", opened=5, closed=1))
    assert not adds_up(parts, Row(key="total", opened=5))
    assert set(COUNTS) <= set(Row.__slots__)
