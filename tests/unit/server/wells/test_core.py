"""Rise, forecast, covers opened together, air: at their limits."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.wells.core import (
    AirReading,
    AirWhy,
    OpenCover,
    Sample,
    Verdict,
    Water,
    judge_air,
    judge_rise,
    judge_upstream,
    rise,
    settled,
    together,
    unticked,
    water,
)
from server.wells.policy import WellPolicy

T0 = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
POLICY = WellPolicy()
WINDOW = timedelta(minutes=10)
STEP = 1 / 111_194.93  # degrees of latitude in a metre on the sphere of `metres`


def samples(*pairs: tuple[float, float]) -> list[Sample]:
    return [Sample(T0 + timedelta(minutes=minute), mm) for minute, mm in pairs]


def seen(level: float, speed: float | None, *, minutes: float | None = None) -> Water:
    return Water(at=T0, level_mm=level, rise_cm_per_min=speed, prealarm_mm=2000, minutes=minutes)


class TestRise:
    def test_is_told_in_centimetres_a_minute(self) -> None:
        assert rise(samples((0, 300), (5, 500), (10, 700)), window=WINDOW) == pytest.approx(4)

    def test_needs_a_minute(self) -> None:
        assert rise(samples((0, 300), (0.9, 900)), window=WINDOW) is None
        assert rise(samples((0, 300), (1, 310)), window=WINDOW) == pytest.approx(1)
        assert rise([], window=WINDOW) is None

    def test_what_lies_before_the_window_does_not_count(self) -> None:
        assert rise(samples((0, 2000), (11, 300), (21, 400)), window=WINDOW) == pytest.approx(1)

    @given(st.lists(st.floats(-1.5, 1.5), min_size=20, max_size=40))
    def test_waves_alone_are_no_rise(self, waves: list[float]) -> None:
        pairs = [(index * 0.5, 300 + wave) for index, wave in enumerate(waves)]
        speed = rise(samples(*pairs), window=WINDOW)
        assert speed is not None
        assert abs(speed) < 0.3


class TestForecast:
    def test_minutes_until_the_pre_alarm(self) -> None:
        found = water(samples((0, 300), (10, 700)), POLICY, depth_m=2.5)
        assert found is not None
        assert (found.level_mm, found.prealarm_mm) == (700, 2000)
        assert found.minutes == pytest.approx(32.5)

    def test_none_where_the_depth_is_unknown_or_it_falls(self) -> None:
        unknown = water(samples((0, 300), (10, 700)), POLICY, depth_m=None)
        falling = water(samples((0, 700), (10, 300)), POLICY, depth_m=2.5)
        assert unknown is not None
        assert falling is not None
        assert (unknown.minutes, falling.minutes) == (None, None)

    def test_zero_where_it_is_reached(self) -> None:
        found = water(samples((0, 2000)), POLICY, depth_m=2.5)
        assert found is not None
        assert found.is_high
        assert found.minutes == 0

    @pytest.mark.parametrize(
        ("found", "verdict"),
        [
            (seen(700, 3.0), Verdict.RAISE),
            (seen(700, 2.9), Verdict.LEAVE),
            (seen(700, 1.0, minutes=60), Verdict.RAISE),
            (seen(700, 1.0, minutes=60.1), Verdict.LEAVE),
            (seen(700, 0.0), Verdict.END),
            (seen(700, -1.0), Verdict.END),
            (seen(700, None), Verdict.LEAVE),  # nothing is known of its movement: nothing is over
        ],
    )
    def test_verdicts(self, found: Water, verdict: Verdict) -> None:
        assert judge_rise(found, POLICY) is verdict

    @pytest.mark.parametrize(
        ("upstream", "verdict"),
        [
            ([], Verdict.END),
            ([seen(300, 0.0), seen(700, 3.0)], Verdict.RAISE),
            ([seen(2000, 0.0)], Verdict.RAISE),
            ([seen(2000, None)], Verdict.RAISE),
            ([seen(2100, -2.0)], Verdict.LEAVE),
            ([seen(700, 1.0)], Verdict.LEAVE),
            ([seen(700, -1.0)], Verdict.END),
        ],
    )
    def test_upstream(self, upstream: list[Water], verdict: Verdict) -> None:
        assert judge_upstream(upstream, POLICY) is verdict


class TestTogether:
    def cover(self, number: int, north_m: float, minutes: float) -> OpenCover:
        return OpenCover(
            task_id=number,
            well_id=f"w{number}",
            place=(31.0 + north_m * STEP, 121.0),
            at=T0 + timedelta(minutes=minutes),
        )

    def test_three_within_the_distance_and_the_time_are(self) -> None:
        own = self.cover(3, 0, 0)
        near, far, early = self.cover(1, 149.9, -10), self.cover(2, 150.1, 0), self.cover(2, 0, -10.1)
        assert together(own, [near, far], POLICY) == []
        assert together(own, [near, early], POLICY) == []
        assert [one.task_id for one in together(own, [near, self.cover(2, 149.9, 10)], POLICY)] == [1, 2, 3]

    def test_one_well_counts_once(self) -> None:
        own = self.cover(3, 0, 0)
        assert together(own, [own, own, self.cover(1, 10, 0)], POLICY) == []


GOOD_AIR = {"oxygen": 20.9, "h2s": 0, "co": 0, "lel": 0}


class TestAir:
    def faults(self, *, minutes: float = 0, **values: float | None) -> list[tuple[str, AirWhy]]:
        known = {key: value for key, value in {**GOOD_AIR, **values}.items() if value is not None}
        air = {key: AirReading(value=value, at=T0, by="x") for key, value in known.items()}
        found = judge_air(POLICY.air, air, fresh=timedelta(minutes=10), now=T0 + timedelta(minutes=minutes))
        return [(fault.limit.point, fault.why) for fault in found]

    @pytest.mark.parametrize(
        ("oxygen", "why"),
        [(19.5, None), (19.49, AirWhy.LOW), (23.5, None), (23.51, AirWhy.HIGH), (float("nan"), AirWhy.LOW)],
    )
    def test_oxygen(self, oxygen: float, why: AirWhy | None) -> None:
        assert self.faults(oxygen=oxygen) == ([] if why is None else [("oxygen", why)])

    @pytest.mark.parametrize(("point", "most"), [("h2s", 7), ("co", 25), ("lel", 10)])
    def test_gas(self, point: str, most: float) -> None:
        assert self.faults(**{point: most}) == []
        assert self.faults(**{point: most + 0.1}) == [(point, AirWhy.HIGH)]

    @pytest.mark.parametrize(("point", "limit", "weighs"), [("h2s", 10, 34.08), ("co", 30, 28.01)])
    def test_ppm_are_those_of_the_limit_at_20_degrees(self, point: str, limit: float, weighs: float) -> None:
        """Milligrams in a cubic metre, grams a mole; rounded down, so never over the limit."""
        litres = 22.414 * 293.15 / 273.15
        (most,) = (one.most for one in POLICY.air if one.point == point)
        assert most == math.floor(limit * litres / weighs)

    def test_a_missing_or_old_reading_is_no_good_air(self) -> None:
        assert self.faults(oxygen=None) == [("oxygen", AirWhy.MISSING)]
        assert self.faults(minutes=10) == []
        assert [why for _, why in self.faults(minutes=10.1)] == [AirWhy.OLD] * 4

    def test_a_reading_from_ahead_of_the_clock_is_no_better_than_an_old_one(self) -> None:
        assert [why for _, why in self.faults(minutes=-11)] == [AirWhy.OLD] * 4
        assert self.faults(minutes=-1) == []

    def test_an_old_bad_reading_is_bad_and_not_merely_old(self) -> None:
        assert ("oxygen", AirWhy.LOW) in self.faults(minutes=60, oxygen=17)

    def test_words(self) -> None:
        air = {"oxygen": AirReading(value=18.2, at=T0, by="x")}
        (low, *_) = judge_air(POLICY.air, air, fresh=WINDOW, now=T0)
        assert low.words("en") == "Oxygen 18.2 % (at least 19.5)"
        assert low.words("zh") == "氧气 18.2 % (应不低于 19.5)"


def test_a_cover_lies_still_where_two_readings_agree() -> None:
    assert settled([12]) is None
    assert settled([12, 13]) == 12.5
    assert settled([2, 12]) is None


def test_every_line_of_the_list_counts() -> None:
    keys = [check.key for check in POLICY.checks]
    assert unticked(POLICY.checks, keys) == []
    assert [check.key for check in unticked(POLICY.checks, keys[1:])] == keys[:1]
