"""The rule engine, condition by condition, as timelines."""

import math

import pytest

from edge.readings import Quality, TimeSource
from gateway.rules.engine import Engine
from gateway.rules.memory import Saved, Seen
from gateway.rules.model import Event, Rate, Rule, Silence, State, Threshold
from tests.unit.gateway.rules.scenes import HOME, at, brief, engine, hear, rule, said

WATER = Threshold(point="level", side="above", limit=80, clear=70, for_ms=30_000)
FALL = State(point="status", values=("fall",))
SOS = Event(point="sos", debounce_ms=1_000)


def restarted(old: Engine, started_s: float, *rules: Rule) -> Engine:
    """A new engine that takes up what the old one had stored."""
    new = Engine(new_breach=lambda: "after", started_ms=at(started_s))
    new.restore(old.export(), [])
    new.replace_rules(rules, at(started_s))
    return new


class TestThreshold:
    def test_fires_once_it_has_stood_long_enough_by_the_devices_time(self) -> None:
        judge = engine(rule(WATER))
        assert hear(judge, said(0, {"level": 81})) == []
        assert hear(judge, said(29, {"level": 85})) == []
        assert brief(hear(judge, said(30, {"level": 85}))) == [("occurred", "b1", 0)]
        assert hear(judge, said(60, {"level": 90})) == []

    def test_fires_by_time_alone_when_nothing_more_is_heard(self) -> None:
        judge = engine(rule(WATER))
        hear(judge, said(0, {"level": 81}, received=5))
        assert judge.next_due_ms() == at(35)
        assert judge.tick(at(34.9)) == []
        assert brief(judge.tick(at(35))) == [("occurred", "b1", 0)]
        assert judge.tick(at(99)) == []
        assert judge.next_due_ms() is None

    def test_a_dip_to_the_limit_starts_the_duration_again(self) -> None:
        judge = engine(rule(WATER))
        hear(judge, said(0, {"level": 81}))
        hear(judge, said(20, {"level": 80}))
        hear(judge, said(21, {"level": 81}))
        assert judge.tick(at(50)) == []
        assert brief(judge.tick(at(51))) == [("occurred", "b1", 21)]

    def test_is_over_only_past_clear(self) -> None:
        judge = engine(rule(WATER))
        hear(judge, said(0, {"level": 81}))
        judge.tick(at(30))
        assert hear(judge, said(40, {"level": 71})) == []
        assert hear(judge, said(50, {"level": 85})) == []
        assert brief(hear(judge, said(60, {"level": 70}))) == [("cleared", "b1", 60)]

    def test_a_reading_that_ends_it_after_its_time_tells_both(self) -> None:
        judge = engine(rule(WATER))
        hear(judge, said(0, {"level": 81}, received=100))
        news = hear(judge, said(40, {"level": 10}, received=100))
        assert brief(news) == [("occurred", "b1", 0), ("cleared", "b1", 40)]

    def test_below_is_the_mirror(self) -> None:
        judge = engine(rule(Threshold(point="oxygen", side="below", limit=19.5, clear=20.0)))
        assert hear(judge, said(0, {"oxygen": 19.5})) == []
        assert brief(hear(judge, said(1, {"oxygen": 19.4}))) == [("occurred", "b1", 1)]
        assert hear(judge, said(2, {"oxygen": 19.9})) == []
        assert brief(hear(judge, said(3, {"oxygen": 20.0}))) == [("cleared", "b1", 3)]

    @pytest.mark.parametrize("value", [math.nan, math.inf, "999"])
    def test_what_is_no_number_says_nothing(self, value: float | str) -> None:
        judge = engine(rule(Threshold(point="level", side="above", limit=80)))
        assert hear(judge, said(0, {"level": value})) == []
        hear(judge, said(1, {"level": 81}))
        assert hear(judge, said(2, {"level": value})) == []

    def test_bad_and_stale_readings_and_points_with_a_status_neither_raise_nor_end(self) -> None:
        judge = engine(rule(Threshold(point="level", side="above", limit=80)))
        for number, doubtful in enumerate(("bad", "stale", "status")):
            status = {"level": "error"} if doubtful == "status" else {}
            quality = Quality.GOOD if doubtful == "status" else Quality(doubtful)
            assert hear(judge, said(number, {"level": 99}, quality=quality, status=status)) == []
        hear(judge, said(10, {"level": 99}))
        assert hear(judge, said(11, {"level": 0}, quality=Quality.BAD)) == []
        assert len(judge.open_breaches()) == 1


class TestState:
    def test_only_a_change_into_the_state_is_news(self) -> None:
        judge = engine(rule(FALL))
        assert brief(hear(judge, said(0, {"status": "fall"}))) == [("occurred", "b1", 0)]
        assert hear(judge, said(10, {"status": "fall"})) == []
        assert brief(hear(judge, said(20, {"status": "empty"}))) == [("cleared", "b1", 20)]
        assert hear(judge, said(30, {"status": "empty"})) == []
        assert brief(hear(judge, said(40, {"status": "fall"}))) == [("occurred", "b2", 40)]

    def test_a_bad_reading_may_raise_but_not_end(self) -> None:
        judge = engine(rule(FALL))
        assert len(hear(judge, said(0, {"status": "fall"}, quality=Quality.BAD))) == 1
        assert hear(judge, said(1, {"status": "empty"}, quality=Quality.BAD)) == []
        assert len(hear(judge, said(2, {"status": "empty"}))) == 1

    def test_a_late_reading_neither_ends_what_is_newer_nor_repeats_it(self) -> None:
        judge = engine(rule(FALL))
        hear(judge, said(100, {"status": "fall"}))
        assert hear(judge, said(50, {"status": "empty"}, received=101)) == []
        assert hear(judge, said(99, {"status": "fall"}, received=102)) == []
        assert [breach.breach for breach in judge.open_breaches()] == ["b1"]

    def test_a_fall_that_is_over_when_it_is_heard_of_is_told_all_the_same(self) -> None:
        judge = engine(rule(FALL))
        hear(judge, said(0, {"status": "empty"}))
        hear(judge, said(100, {"status": "empty"}))
        news = hear(judge, said(50, {"status": "fall"}, received=101))
        assert brief(news) == [("occurred", "b1", 50), ("cleared", "b1", 100)]
        assert hear(judge, said(50, {"status": "fall"}, received=102)) == []
        assert judge.open_breaches() == []

    def test_with_a_duration(self) -> None:
        judge = engine(rule(State(point="cover", values=(True,), for_ms=2_000)))
        hear(judge, said(0, {"cover": True}))
        hear(judge, said(1, {"cover": False}))
        assert judge.tick(at(10)) == []
        hear(judge, said(20, {"cover": True}))
        assert brief(judge.tick(at(22))) == [("occurred", "b1", 20)]


class TestEvent:
    def test_fires_at_once_and_each_time_and_mutes_echoes_after(self) -> None:
        judge = engine(rule(SOS))
        times = [0, 0.2, 1.0, 1.5, 60]
        told = [one.device_ms for t in times for one in hear(judge, said(t, {"sos": "press"}))]
        assert told == [at(0), at(1.5), at(60)]

    def test_presses_that_a_broker_kept_and_gives_at_once_all_count(self) -> None:
        judge = engine(rule(SOS))
        kept = [said(0, {"sos": True}, key=str(n), source=TimeSource.GATEWAY) for n in range(3)]
        assert [len(hear(judge, one)) for one in kept] == [1, 1, 1]
        bouncing = [said(5 + n / 10, {"sos": True}, source=TimeSource.GATEWAY) for n in range(3)]
        assert [len(hear(judge, one)) for one in bouncing] == [1, 0, 0]

    def test_another_value_is_no_echo(self) -> None:
        judge = engine(rule(SOS))
        assert len(hear(judge, said(0, {"sos": "short"}))) == 1
        assert len(hear(judge, said(0.1, {"sos": "long"}))) == 1

    def test_each_press_is_a_breach_of_its_own_and_none_stays_open(self) -> None:
        judge = engine(rule(SOS))
        news = [one for t in (0, 5) for one in hear(judge, said(t, {"sos": True}))]
        assert [one.breach for one in news] == ["b1", "b2"]
        assert judge.open_breaches() == []

    def test_only_the_values_asked_for(self) -> None:
        judge = engine(rule(Event(point="action", values=("emergency",))))
        assert hear(judge, said(0, {"action": "test"})) == []
        assert len(hear(judge, said(1, {"action": "emergency"}))) == 1

    @pytest.mark.parametrize("nothing", [False, ""])
    def test_the_absence_of_an_event_is_none(self, nothing: bool | str) -> None:
        assert hear(engine(rule(SOS)), said(0, {"sos": nothing})) == []

    def test_a_bad_reading_still_carries_its_press(self) -> None:
        assert len(hear(engine(rule(SOS)), said(0, {"sos": True}, quality=Quality.BAD))) == 1

    def test_a_stale_one_does_not(self) -> None:
        assert hear(engine(rule(SOS)), said(0, {"sos": True}, quality=Quality.STALE)) == []

    def test_a_doubled_message_of_a_device_without_clock_is_known_by_its_key(self) -> None:
        judge = engine(rule(SOS))
        first = said(0, {"sos": True}, key="42", source=TimeSource.GATEWAY)
        again = said(500, {"sos": True}, key="42", source=TimeSource.GATEWAY)
        other = said(501, {"sos": True}, key="43", source=TimeSource.GATEWAY)
        assert [len(hear(judge, one)) for one in (first, again, other)] == [1, 0, 1]

    def test_the_same_key_at_another_device_time_is_another_message(self) -> None:
        judge = engine(rule(SOS))
        assert len(hear(judge, said(0, {"sos": True}, key="7"))) == 1
        assert len(hear(judge, said(3600, {"sos": True}, key="7"))) == 1

    def test_a_key_is_known_after_a_restart(self) -> None:
        judge = engine(rule(SOS))
        (news,) = hear(judge, said(0, {"sos": True}, key="42", source=TimeSource.GATEWAY))
        assert news.identity is not None
        new = Engine(new_breach=lambda: "after", started_ms=at(10))
        seen = Seen(position=HOME, rule="rule", identity=news.identity, received_ms=at(0))
        new.restore(judge.export(), [seen])
        new.replace_rules([rule(SOS)], at(10))
        assert hear(new, said(11, {"sos": True}, key="42", source=TimeSource.GATEWAY)) == []


class TestRate:
    RISE = Rate(point="level", change=20, within_ms=60_000)

    def test_rising_fast_enough(self) -> None:
        judge = engine(rule(self.RISE))
        assert hear(judge, said(0, {"level": 10})) == []
        assert hear(judge, said(30, {"level": 25})) == []
        assert brief(hear(judge, said(60, {"level": 30}))) == [("occurred", "b1", 60)]
        assert brief(hear(judge, said(120, {"level": 31}))) == [("cleared", "b1", 120)]

    def test_the_sign_gives_the_direction(self) -> None:
        judge = engine(rule(Rate(point="level", change=-20, within_ms=60_000)))
        hear(judge, said(0, {"level": 50}))
        assert hear(judge, said(10, {"level": 90})) == []
        assert len(hear(judge, said(20, {"level": 70}))) == 1

    def test_slow_change_is_none(self) -> None:
        judge = engine(rule(self.RISE))
        assert [hear(judge, said(t * 60, {"level": t * 10})) for t in range(10)] == [[]] * 10

    def test_a_late_reading_shows_that_it_rose(self) -> None:
        judge = engine(rule(self.RISE))
        hear(judge, said(50, {"level": 40}))
        assert brief(hear(judge, said(10, {"level": 10}, received=55))) == [("occurred", "b1", 50)]


class TestSilence:
    QUIET = Silence(after_ms=60_000)

    def test_never_before_the_device_has_had_its_chance(self) -> None:
        judge = engine(rule(self.QUIET), started_s=0)
        assert judge.tick(at(59.9)) == []
        (news,) = judge.tick(at(60))
        assert (news.event, news.device, news.device_ms) == ("occurred", "d1", at(60))
        assert judge.tick(at(600)) == []

    def test_ends_with_the_next_message_whatever_its_time_and_quality(self) -> None:
        judge = engine(rule(self.QUIET))
        judge.tick(at(60))
        news = hear(judge, said(-9_000, {"x": 1}, received=70, quality=Quality.BAD))
        assert brief(news) == [("cleared", "b1", 70)]
        assert judge.tick(at(129)) == []
        assert len(judge.tick(at(130))) == 1

    def test_a_repeated_old_value_is_no_sign_of_life(self) -> None:
        judge = engine(rule(self.QUIET))
        hear(judge, said(50, {"x": 1}, quality=Quality.STALE))
        assert len(judge.tick(at(60))) == 1

    def test_a_restart_gives_a_new_chance_and_does_not_repeat_an_open_one(self) -> None:
        judge = engine(rule(self.QUIET))
        assert restarted(judge, 59, rule(self.QUIET)).tick(at(118)) == []
        judge.tick(at(60))
        again = restarted(judge, 70, rule(self.QUIET))
        assert again.tick(at(700)) == []
        assert brief(hear(again, said(701, {"x": 1}))) == [("cleared", "b1", 701)]

    def test_a_clock_that_is_set_changes_no_silence(self) -> None:
        judge = engine(rule(self.QUIET))
        judge.shift_clock(3_600_000, at(0))
        assert judge.tick(at(3_600 + 59)) == []
        judge.shift_clock(-7_200_000, at(3_659))
        assert len(judge.tick(at(-3_600 + 60))) == 1


class TestClocks:
    def test_a_clock_that_runs_ahead_does_not_make_everything_after_it_old(self) -> None:
        judge = engine(rule(FALL))
        hear(judge, said(400 * 86_400, {"status": "empty"}, received=0))
        (news,) = hear(judge, said(10, {"status": "fall"}))
        assert news.clock_trusted

    def test_a_distrusted_clock_stops_no_alarm_and_is_flagged(self) -> None:
        judge = engine(rule(FALL))
        hear(judge, said(0, {"status": "empty"}))
        (news,) = hear(judge, said(-1_760_000_000, {"status": "fall"}, received=1, trusted=False))
        assert (news.device_ms, news.clock_trusted) == (0, False)
        assert len(judge.open_breaches()) == 1

    def test_a_clock_that_stands_still_swallows_neither_a_press_nor_a_fall(self) -> None:
        judge = engine(rule(SOS), rule(FALL, "fall"))
        assert len(hear(judge, said(0, {"sos": True}, key="1"))) == 1
        assert len(hear(judge, said(0, {"sos": True}, key="2", received=5))) == 0
        (news,) = hear(judge, said(0, {"sos": True}, key="3", received=30))
        assert not news.clock_trusted
        states = [("fall", "4", 40), ("empty", "5", 60), ("fall", "6", 80)]
        told = [
            one.event
            for status, key, received in states
            for one in hear(judge, said(0, {"status": status}, key=key, received=received))
        ]
        assert told == ["occurred", "cleared", "occurred"]

    def test_a_message_heard_again_later_is_no_clock_that_stands_still(self) -> None:
        judge = engine(rule(SOS))
        assert len(hear(judge, said(0, {"sos": True}))) == 1
        assert hear(judge, said(0, {"sos": True}, received=3600)) == []

    def test_a_clock_set_back_still_lets_an_alarm_through(self) -> None:
        judge = engine(rule(FALL))
        hear(judge, said(0, {"status": "empty"}))
        hear(judge, said(7_200, {"status": "empty"}))
        assert [one.event for one in hear(judge, said(3_600, {"status": "fall"}, received=7_210))] == [
            "occurred",
            "cleared",
        ]


class TestReplacingRules:
    def test_a_removed_rule_ends_its_breach(self) -> None:
        judge = engine(rule(FALL))
        hear(judge, said(0, {"status": "fall"}))
        assert brief(judge.replace_rules([], at(5))) == [("cleared", "b1", 5)]
        assert judge.take_changes()[-1].document is None

    def test_an_unchanged_one_keeps_everything(self) -> None:
        judge = engine(rule(FALL))
        hear(judge, said(0, {"status": "fall"}))
        assert judge.replace_rules([rule(FALL)], at(5)) == []
        assert hear(judge, said(6, {"status": "fall"})) == []

    def test_another_condition_begins_afresh(self) -> None:
        judge = engine(rule(WATER))
        hear(judge, said(0, {"level": 85}))
        judge.tick(at(30))
        higher = rule(Threshold(point="level", side="above", limit=90))
        assert brief(judge.replace_rules([higher], at(40))) == [("cleared", "b1", 40)]
        assert len(hear(judge, said(50, {"level": 91}))) == 1

    def test_a_rule_removed_while_the_gateway_was_off_is_ended_at_start(self) -> None:
        judge = engine(rule(FALL))
        hear(judge, said(0, {"status": "fall"}))
        new = Engine(new_breach=lambda: "after", started_ms=at(9))
        new.restore(judge.export(), [])
        assert brief(new.replace_rules([], at(9))) == [("cleared", "b1", 9)]


class TestRestart:
    def test_a_duration_that_was_running_goes_on(self) -> None:
        judge = engine(rule(WATER))
        hear(judge, said(0, {"level": 85}))
        new = Engine(new_breach=lambda: "after", started_ms=at(10))
        new.restore(judge.take_changes(), [])
        new.replace_rules([rule(WATER)], at(10))
        assert brief(new.tick(at(30))) == [("occurred", "after", 0)]

    def test_a_state_that_cannot_be_read_is_reported_and_begins_afresh(self) -> None:
        new = Engine(new_breach=lambda: "after", started_ms=at(0))
        broken = Saved(position=HOME, id="rule", document=b"{")
        assert new.restore([broken], []) == [(HOME, "rule")]
        new.replace_rules([rule(FALL)], at(0))
        assert len(hear(new, said(1, {"status": "fall"}))) == 1

    def test_an_ordinary_reading_has_nothing_to_store(self) -> None:
        judge = engine(rule(FALL), rule(WATER, "water"))
        judge.take_changes()
        hear(judge, said(0, {"status": "empty", "level": 10}))
        judge.take_changes()
        hear(judge, said(10, {"status": "empty", "level": 11}))
        assert judge.take_changes() == []


class TestSwappedHardware:
    """The rules of a position begin afresh with its new device."""

    def test_a_condition_that_stood_is_ended_and_told_anew(self) -> None:
        judge = engine(rule(FALL))
        hear(judge, said(0, {"status": "fall"}))
        ends = judge.replace_rules([rule(FALL)], at(10), {HOME: "d2"})
        assert brief(ends) == [("cleared", "b1", 10)]
        assert brief(hear(judge, said(11, {"status": "fall"}, device="d2"))) == [("occurred", "b2", 11)]

    def test_what_the_old_one_began_the_new_one_does_not_finish(self) -> None:
        judge = engine(rule(WATER))
        hear(judge, said(0, {"level": 81}))
        judge.replace_rules([rule(WATER)], at(10), {HOME: "d2"})
        assert judge.tick(at(40)) == []

    def test_silence_is_counted_from_the_swap_and_told_of_the_new_one(self) -> None:
        judge = engine(rule(TestSilence.QUIET))
        hear(judge, said(0, {"x": 1}))
        judge.replace_rules([rule(TestSilence.QUIET)], at(50), {HOME: "d2"})
        assert judge.tick(at(109)) == []
        (news,) = judge.tick(at(110))
        assert news.device == "d2"

    def test_it_is_known_after_a_restart_too(self) -> None:
        judge = engine(rule(FALL))
        hear(judge, said(0, {"status": "fall"}))
        new = Engine(new_breach=lambda: "after", started_ms=at(5))
        new.restore(judge.export(), [])
        assert brief(new.replace_rules([rule(FALL)], at(5), {HOME: "d2"})) == [("cleared", "b1", 5)]

    def test_the_same_device_keeps_everything(self) -> None:
        judge = engine(rule(FALL))
        hear(judge, said(0, {"status": "fall"}))
        assert judge.replace_rules([rule(FALL)], at(10), {HOME: "d1"}) == []
        assert hear(judge, said(11, {"status": "fall"})) == []
