"""What is learned of a life, and what is said when a day is not like it."""

from datetime import UTC, date, datetime, timedelta

import pytest

from server.rhythm.core import Deviation, Fixed, Kind, State, earliest_look, is_leak, judge, next_look
from server.rhythm.policy import RhythmPolicy
from server.rhythm.usual import ALL_DAY, SLOT, Day, Learned, learn, slots_of, up_minute, up_today
from tests.unit.server.rhythm.lives import FIRST, MOTION, POLICY, Habits, days, learned_of, moment, watched

EARLY = Habits(up=5 * 60 + 10, up_spread=8, bed=20 * 60, bed_spread=20, toilets=0, nap=0, outing=0.3)
WALKER = Habits(up=7 * 60 + 30, up_spread=15, toilets=4, long_outing=0, lie_in=0)
STEADY = Habits(up=8 * 60, up_spread=5, bed_spread=10, nap=0, outing=0, long_outing=0, lie_in=0, toilets=0)


def quiet_from(day: date, minute: int, life: list[Day]) -> list[Day]:
    """The life without anything from that minute on, and two empty days after it."""
    kept = (1 << minute // SLOT) - 1
    cut = [Day(each.date, each.active & kept if each.date == day else each.active) for each in life]
    upto = [each for each in cut if each.date <= day]
    return upto + [Day(day + timedelta(days=n), 0) for n in (1, 2)]


def first_said(life: list[Day], learned: Learned, since: datetime) -> tuple[datetime, Deviation]:
    """The first deviation after that moment."""
    for now, found in watched(life, learned):
        if now >= since and isinstance(found, Deviation):
            return now, found
    raise AssertionError("nothing was said")


def test_an_early_riser_is_missed_early() -> None:
    life = days(EARLY, 29, seed=1)
    learned = learn(life[:28], POLICY)
    usual = learned.on(life[28].date)
    assert usual is not None
    assert abs(usual.up - EARLY.up) <= 15
    still = [*life[27:28], Day(life[28].date, 0)]
    now, found = first_said(still, learned, moment(life[28].date, POLICY.night_end))
    assert found.kind is Kind.NOT_UP
    assert found.usual == usual.up_late
    assert now <= moment(life[28].date, EARLY.up + 100)  # type: ignore[arg-type]  # whole minutes
    assert found.since < moment(life[28].date, 0)


def test_ways_at_night_are_no_time_up() -> None:
    learned = learned_of(WALKER, seed=2)
    usual = learned.on(FIRST)
    assert usual is not None
    assert abs(usual.up - WALKER.up) <= 20


def test_a_way_at_night_does_not_pass_for_being_up() -> None:
    usual = learned_of(STEADY, seed=3).on(FIRST)
    toilet = (1 << 4 * 12 + 6) | (1 << 4 * 12 + 7)  # 4:30 and 4:35
    assert up_today(toilet, usual, POLICY, minute=7 * 60) is None
    assert up_today(toilet | 1 << 60, usual, POLICY, minute=7 * 60) is None  # 5:00 is another way
    assert up_today(toilet | 1 << 78, usual, POLICY, minute=7 * 60) == 6 * 60 + 30  # perhaps
    assert up_today(toilet | 1 << 78, usual, POLICY, minute=9 * 60) is None  # it was not followed by more
    assert up_today(toilet | 1 << 94, usual, POLICY, minute=11 * 60) == 7 * 60 + 50


def test_days_without_data_or_life_are_left_out() -> None:
    life = days(STEADY, 20, seed=4)
    away = [Day(each.date, 0) if each.date.weekday() >= 5 else each for each in life]
    lost = {n: Day(away[n].date, away[n].active & 1 | 1, ALL_DAY - 1) for n in (2, 3)}
    broken = [lost.get(n, each) for n, each in enumerate(away)]
    learned = learn(broken, POLICY)
    usual = learned.on(FIRST)
    whole = learn(life, POLICY).on(FIRST)
    assert usual is not None
    assert whole is not None
    assert (learned.days, learned.left_out) == (15 - 2, 5 + 2)
    assert abs(usual.up - whole.up) <= 5
    assert max(each or 0 for each in usual.quiet[9:20]) < 120  # the broken days' silence was not learned


def test_nothing_is_learned_from_too_few_days() -> None:
    learned = learn(days(STEADY, 6, seed=5), POLICY)
    assert learned.usual == {}
    assert learned.days == 6


def test_weekends_are_their_own_only_where_there_are_enough() -> None:
    sleeper = Habits(up=9 * 60, up_spread=5, lie_in=0, toilets=0)
    mixed = [
        late if late.date.weekday() >= 5 else early
        for early, late in zip(days(STEADY, 28, seed=6), days(sleeper, 28, seed=6), strict=True)
    ]
    learned = learn(mixed, POLICY)
    assert set(learned.usual) == {"all", "work", "rest"}
    assert learned.usual["rest"].up - learned.usual["work"].up > 40
    assert set(learn(mixed[:20], POLICY).usual) == {"all"}


def test_an_absence_alarms_for_none_of_its_hours_and_watching_goes_on_afresh() -> None:
    learned = learned_of(STEADY, seed=7)
    day = FIRST + timedelta(days=30)
    home = moment(day, 12 * 60)
    state = State(last=moment(day - timedelta(days=3), 600), fresh_from=home, kinds=MOTION)
    assert judge(learned, Fixed(), POLICY, state, now=home + timedelta(minutes=90)) is None
    found = judge(learned, Fixed(), POLICY, state, now=home + timedelta(hours=5))
    assert found is not None
    assert found.since == home


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/Berlin", "Asia/Urumqi"])
def test_days_are_those_of_the_zone(zone: str) -> None:
    policy = RhythmPolicy(zone=zone)
    life = days(STEADY, 29, seed=8, first=date(2026, 3, 2))  # over the change of the clocks in Berlin
    learned = learn(life[:28], policy)
    still = [*life[27:28], Day(life[28].date, 0)]
    said = [(now, found) for now, found in watched(still, learned, policy=policy) if found is not None]
    usual = learned.on(life[28].date)
    assert usual is not None
    late = [now for now, _ in said if now >= moment(life[28].date, POLICY.night_end, policy)]
    wall = late[0].astimezone(policy.tz)
    assert wall.hour * 60 + wall.minute - (usual.up_late + policy.up_margin) in range(SLOT)


def test_fixed_rules_count_while_nothing_is_learned() -> None:
    now = datetime(2026, 3, 3, 12, tzinfo=UTC)

    def said(hours: int, kinds: set[str], litres: float | None = None) -> Deviation | None:
        state = State(
            last=now - timedelta(hours=hours),
            fresh_from=now - timedelta(days=9),
            kinds=frozenset(kinds),
            litres=litres,
        )
        return judge(Learned(), Fixed(), POLICY, state, now=now)

    assert said(12, {"water"}) is not None
    assert said(12, {"water"}, litres=9.9) is not None
    assert said(12, {"water"}, litres=10.0) is None
    assert said(11, {"water", "motion"}) is None
    assert said(23, {"motion", "door"}) is None
    assert said(24, {"door"}) is not None
    assert said(99, set()) is None


def test_what_a_manager_lays_down_counts_before_what_is_learned() -> None:
    learned = learned_of(STEADY, seed=9)
    day = FIRST + timedelta(days=30)
    still = State(last=moment(day, 0), fresh_from=moment(day, -0), kinds=MOTION)
    at = moment(day, 6 * 60)
    assert judge(learned, Fixed(), POLICY, still, now=at) is None
    found = judge(learned, Fixed(up_by=6 * 60), POLICY, still, now=at)
    assert found is not None
    assert found.kind is Kind.NOT_UP
    assert judge(learned, Fixed(off=True), POLICY, still, now=moment(day, 20 * 60)) is None


def test_the_next_look_is_when_something_will_be_found() -> None:
    learned = learned_of(STEADY, seed=10)
    day = FIRST + timedelta(days=30)
    now = moment(day, 15 * 60)
    state = State(last=now, fresh_from=now - timedelta(days=5), up_at=moment(day, 480), kinds=MOTION)
    at = next_look(learned, Fixed(), POLICY, state, now=now)
    assert judge(learned, Fixed(), POLICY, state, now=at) is not None
    assert judge(learned, Fixed(), POLICY, state, now=at - timedelta(minutes=2)) is None
    rough = earliest_look(learned, Fixed(), POLICY, last=now, kinds=MOTION, now=now)
    assert now + timedelta(minutes=30) < rough <= at


def test_a_leak_is_water_in_every_half_hour() -> None:
    running = [0.5] * 48
    assert is_leak(running, POLICY)
    assert not is_leak([*running[:47], 0.0], POLICY)
    assert not is_leak([None, *running[1:]], POLICY)


def test_the_first_activity_counts_where_no_more_follows() -> None:
    assert up_minute(Day(FIRST, 1 << 100), POLICY) == 500
    assert slots_of(0b1010) == [1, 3]
