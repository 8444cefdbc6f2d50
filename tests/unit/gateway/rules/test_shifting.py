"""The gateway's clock is set while rules are at work: forward, back from a future, and by a little."""

import pytest

from edge.readings import Reading, TimeSource
from gateway.rules.engine import Engine
from gateway.rules.model import Event, Rate, State, Threshold
from tests.unit.gateway.rules.scenes import HOME, at, brief, engine, hear, rule, said

YEARS = 4 * 365 * 86_400
HIGH = Threshold(point="level", side="above", limit=10, for_ms=60_000)


def stamped(seconds: float, level: float) -> Reading:
    """A reading without a time of its own, while the gateway's clock is not believed."""
    return said(seconds, {"level": level}, trusted=False, source=TimeSource.GATEWAY)


@pytest.mark.parametrize("wrong_by", [-YEARS, YEARS, -3600, 3600, 30, -30])
class TestWhateverTheStep:
    """Seconds by which the clock is wrong at first; at second 20 it is set right."""

    def begun(self, wrong_by: float, when: Threshold | State | Rate = HIGH) -> Engine:
        return engine(rule(when), started_s=wrong_by)

    def set_right(self, judge: Engine, wrong_by: float) -> None:
        judge.shift_clock(round(-wrong_by * 1000), at(wrong_by + 20))

    def test_a_condition_lasts_as_long_as_it_really_lasted(self, wrong_by: float) -> None:
        judge = self.begun(wrong_by)
        hear(judge, stamped(wrong_by + 10, 11))
        self.set_right(judge, wrong_by)
        assert hear(judge, said(40, {"level": 11})) == []
        assert judge.tick(at(69)) == []
        assert brief(judge.tick(at(70))) == [("occurred", "b1", 10)]

    def test_what_was_fine_before_does_not_hide_what_comes(self, wrong_by: float) -> None:
        judge = self.begun(wrong_by)
        hear(judge, stamped(wrong_by + 10, 1))
        self.set_right(judge, wrong_by)
        assert hear(judge, said(30, {"level": 11})) == []
        assert brief(hear(judge, said(90, {"level": 11}))) == [("occurred", "b1", 30)]
        assert len(judge.open_breaches()) == 1
        assert brief(hear(judge, said(100, {"level": 1}))) == [("cleared", "b1", 100)]

    def test_an_alarm_from_before_is_ended_by_what_comes(self, wrong_by: float) -> None:
        judge = self.begun(wrong_by, State(point="level", values=(11,)))
        assert len(hear(judge, stamped(wrong_by + 10, 11))) == 1
        self.set_right(judge, wrong_by)
        assert brief(hear(judge, said(30, {"level": 1}))) == [("cleared", "b1", 30)]

    def test_an_alarm_from_an_earlier_run_stays_open_and_is_ended_by_what_comes(
        self, wrong_by: float
    ) -> None:
        when = State(point="level", values=(11,))
        earlier = engine(rule(when), started_s=-86_400)
        assert len(hear(earlier, said(-86_000, {"level": 11}, source=TimeSource.GATEWAY))) == 1
        judge = engine(rule(when), started_s=wrong_by)
        judge.restore(earlier.export(), ())
        judge.replace_rules([rule(when)], at(wrong_by), {HOME: "d1"})
        hear(judge, stamped(wrong_by + 10, 11))
        self.set_right(judge, wrong_by)
        assert len(judge.open_breaches()) == 1
        assert [one.event for one in hear(judge, said(30, {"level": 1}))] == ["cleared"]

    def test_a_press_is_told_before_and_after(self, wrong_by: float) -> None:
        judge = engine(rule(Event(point="sos", debounce_ms=5_000)), started_s=wrong_by)
        before = said(wrong_by + 10, {"sos": True}, trusted=False, source=TimeSource.GATEWAY)
        assert len(hear(judge, before)) == 1
        self.set_right(judge, wrong_by)
        assert len(hear(judge, said(30, {"sos": True}))) == 1
        assert len(hear(judge, said(40, {"sos": True}))) == 1


def test_a_rate_is_measured_across_the_step() -> None:
    judge = engine(rule(Rate(point="level", change=5, within_ms=60_000)), started_s=YEARS)
    hear(judge, stamped(YEARS + 10, 1))
    judge.shift_clock(-YEARS * 1000, at(YEARS + 20))
    assert brief(hear(judge, said(30, {"level": 7}))) == [("occurred", "b1", 30)]
