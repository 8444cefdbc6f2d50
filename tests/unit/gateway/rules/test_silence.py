"""Silence by sampling mode: a dry well speaks twice a day, a wet one every minute."""

import msgspec
import pytest

from edge.readings import Quality
from gateway.rules.engine import Engine
from gateway.rules.model import Condition, Silence, SilenceMode
from tests.unit.gateway.rules.scenes import HOME, at, brief, engine, hear, rule, said

DRY_S, WET_S = 90_000, 300
WELL = Silence(
    after_ms=DRY_S * 1_000,
    by="leak",
    modes=(SilenceMode(values=(True,), after_ms=WET_S * 1_000),),
)


@pytest.fixture
def judge() -> Engine:
    return engine(rule(WELL, "silent"))


def silent_at(judge: Engine, seconds: float) -> bool:
    return bool(judge.tick(at(seconds)))


def test_before_anything_is_known_the_default_counts(judge: Engine) -> None:
    hear(judge, said(0, {"battery": 90}))
    assert not silent_at(judge, DRY_S - 1)
    assert silent_at(judge, DRY_S)


def test_a_wet_well_is_missed_soon_and_a_dry_one_is_not(judge: Engine) -> None:
    hear(judge, said(0, {"leak": False}))
    assert not silent_at(judge, 1_000)
    hear(judge, said(1_000, {"leak": True}))
    assert judge.next_due_ms() == at(1_000 + WET_S)
    assert not silent_at(judge, 1_000 + WET_S - 1)
    hear(judge, said(1_000 + WET_S - 1, {"battery": 80}))  # says nothing of the mode: still wet
    assert not silent_at(judge, 1_000 + WET_S)
    assert brief(judge.tick(at(1_000 + 2 * WET_S))) == [("occurred", "b1", 1_000 + 2 * WET_S - 1)]
    assert brief(hear(judge, said(2_000, {"leak": False}))) == [("cleared", "b1", 2_000)]
    assert not silent_at(judge, 2_000 + WET_S)
    assert silent_at(judge, 2_000 + DRY_S)


def test_what_is_kept_and_sent_later_does_not_tell_the_mode_of_now(judge: Engine) -> None:
    hear(judge, said(1_000, {"leak": True}))
    hear(judge, said(500, {"leak": False}, received=1_001))
    assert silent_at(judge, 1_001 + WET_S)


@pytest.mark.parametrize("doubtful", [{"quality": Quality.BAD}, {"status": {"leak": "error"}}])
def test_a_doubtful_word_changes_no_mode(judge: Engine, doubtful: dict[str, object]) -> None:
    hear(judge, said(0, {"leak": True}))
    hear(judge, said(1, {"leak": False}, **doubtful))  # type: ignore[arg-type]  # one of two keywords
    assert silent_at(judge, 1 + WET_S)


def test_a_number_is_no_truth(judge: Engine) -> None:
    hear(judge, said(0, {"leak": 1}))
    assert not silent_at(judge, WET_S)


def test_the_mode_outlives_a_restart(judge: Engine) -> None:
    hear(judge, said(0, {"leak": True}))
    again = engine(started_s=1_000)
    assert again.restore(judge.export(), ()) == []
    again.replace_rules([rule(WELL, "silent")], at(1_000), {HOME: "d1"})
    assert not silent_at(again, 1_000 + WET_S - 1)
    assert silent_at(again, 1_000 + WET_S)


def test_plans_do_not_pile_up_when_the_mode_changes_often(judge: Engine) -> None:
    for second in range(2_000):
        hear(judge, said(second, {"leak": bool(second % 2)}))
        judge.tick(at(second))
    assert not silent_at(judge, 1_999 + WET_S - 1)
    assert silent_at(judge, 1_999 + WET_S)
    assert len(judge._due) < 20


def test_a_rule_without_modes_is_written_as_before() -> None:
    plain = msgspec.json.encode(Silence(after_ms=60_000))
    assert plain == b'{"type":"silence","after_ms":60000}'
    assert msgspec.json.decode(plain, type=Condition) == Silence(after_ms=60_000)


class TestWhereNothingCanBeHeard:
    """The way to the device is down: that is told by others, once."""

    def judge(self) -> Engine:
        return engine(rule(Silence(after_ms=60_000), "silent"))

    def test_silence_is_not_judged_and_begins_anew_when_the_way_is_back(self) -> None:
        judge = self.judge()
        judge.hold_silence(frozenset({HOME}), at(10))
        assert judge.tick(at(500)) == []
        judge.hold_silence(frozenset({HOME}), at(501))
        judge.hold_silence(frozenset(), at(510))
        assert judge.tick(at(569)) == []
        assert len(judge.tick(at(570))) == 1

    def test_others_are_still_judged(self) -> None:
        judge = self.judge()
        judge.hold_silence(frozenset({"another home"}), at(10))
        assert len(judge.tick(at(60))) == 1

    def test_a_silence_told_before_stays_until_the_device_speaks(self) -> None:
        judge = self.judge()
        (silent,) = judge.tick(at(60))
        judge.hold_silence(frozenset({HOME}), at(70))
        judge.hold_silence(frozenset(), at(80))
        assert judge.tick(at(1_000)) == []
        (over,) = hear(judge, said(1_001, {"x": 1}))
        assert (over.event, over.breach) == ("cleared", silent.breach)

    def test_what_is_heard_all_the_same_counts(self) -> None:
        judge = self.judge()
        judge.hold_silence(frozenset({HOME}), at(10))
        hear(judge, said(100, {"x": 1}))
        judge.hold_silence(frozenset(), at(110))
        assert judge.tick(at(169)) == []
        assert len(judge.tick(at(170))) == 1
