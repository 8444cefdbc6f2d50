"""A battery that was low stays low until the device itself says, freshly and for good, that it is not."""

from edge.readings import Quality
from firmware_profiles import load_catalogue
from gateway.rules.engine import Engine
from server.gateways.desired import rules_of
from tests.unit.gateway.rules.scenes import HOME, at, brief, engine, hear, said


def door() -> Engine:
    """The door contact's own rules, but for its silence."""
    rules = rules_of(load_catalogue()["aqara-mccgq11lm"], HOME, {})
    return engine(*(one for one in rules if one.id == "battery_low"))


def test_a_device_that_dies_at_low_battery_stays_in_fault() -> None:
    judge = door()
    assert brief(hear(judge, said(0, {"battery": 12}))) == [("occurred", "b1", 0)]
    assert judge.tick(at(400 * 86_400)) == []
    assert len(judge.open_breaches()) == 1


def test_neither_a_repeated_nor_a_doubtful_nor_a_missing_word_ends_it() -> None:
    judge = door()
    hear(judge, said(0, {"battery": 12}))
    doubtful = [
        said(10, {"battery": 100}, quality=Quality.STALE),
        said(20, {"battery": 100}, quality=Quality.BAD),
        said(30, {"battery": 100}, status={"battery": "error"}),
        said(40, {"contact": True}),
        said(-10, {"battery": 100}, received=50),
        said(60, {"battery": 25}),
    ]
    assert [hear(judge, one) for one in doubtful] == [[]] * len(doubtful)
    assert len(judge.open_breaches()) == 1


def test_a_fresh_good_word_ends_it_and_so_does_other_hardware() -> None:
    judge = door()
    hear(judge, said(0, {"battery": 12}))
    assert brief(hear(judge, said(10, {"battery": 100}))) == [("cleared", "b1", 10)]
    hear(judge, said(20, {"battery": 5}))
    rules = [one.rule for one in judge.open_breaches()]
    assert [one.event for one in judge.replace_rules(rules, at(30), {HOME: "d2"})] == ["cleared"]
