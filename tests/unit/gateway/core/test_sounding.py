"""What sounds, for how long, and what hushes it."""

import pytest

from gateway.core.sounding import BLINKS, Look, Sounding, lit
from gateway.rules.model import Event, Rule, Severity, TaskKind
from gateway.rules.outcomes import Change, Outcome


def outcome(
    breach: str,
    event: Change = "occurred",
    severity: Severity = Severity.CRITICAL,
    task_kind: TaskKind = TaskKind.CARE,
) -> Outcome:
    when = Event(point="action", values=("emergency",))
    rule = Rule(id="sos", position="bathroom", severity=severity, task_kind=task_kind, when=when)
    return Outcome(
        event=event,
        breach=breach,
        rule=rule,
        device="b1",
        point="action",
        value="emergency",
        device_ms=0,
        clock_trusted=True,
    )


def sounding() -> Sounding:
    return Sounding(severities={Severity.CRITICAL}, task_kinds={TaskKind.CARE}, lasting_ms=1_000)


def test_a_press_sounds_for_its_time_and_a_second_one_for_its_own() -> None:
    now = sounding()
    assert now.hear([outcome("press 1")], 0)
    assert now.hear([outcome("press 2")], 600)
    assert now.until_ms(1_100) == 1_600
    assert now.until_ms(1_600) is None


@pytest.mark.parametrize(
    "one",
    [
        outcome("x", severity=Severity.MAJOR),
        outcome("x", task_kind=TaskKind.MAINTENANCE),
        outcome("x", event="cleared"),
    ],
)
def test_what_needs_nobody_in_earshot_does_not_sound(one: Outcome) -> None:
    now = sounding()
    assert not now.hear([one], 0)
    assert now.until_ms(0) is None


def test_what_ends_by_itself_is_silent() -> None:
    now = sounding()
    now.hear([outcome("smoke"), outcome("press")], 0)
    now.hear([outcome("smoke", "cleared")], 10)
    assert now.silence(["smoke"]) == 0
    now.hear([outcome("press", "cleared")], 20)
    assert now.until_ms(20) is None


def test_the_answer_to_one_press_never_hushes_the_next() -> None:
    now = sounding()
    now.hear([outcome("press 1"), outcome("press 2")], 0)
    assert now.silence(["press 1", "of another gateway"]) == 1
    assert now.until_ms(10) == 1_000
    assert now.silence() == 1
    assert now.until_ms(10) is None
    assert now.hear([outcome("press 1")], 20)  # the condition came true again: it is heard again


def test_the_looks_of_the_light_differ_and_tell_when_they_change() -> None:
    assert lit(Look.WELL, 12_345) == (True, None)
    for look, (on_ms, off_ms) in BLINKS.items():
        if look is not Look.WELL:
            assert lit(look, 0) == (True, on_ms)
            assert lit(look, on_ms) == (False, off_ms)
            assert lit(look, on_ms + off_ms - 1) == (False, 1)
    assert len(set(BLINKS.values())) == len(Look)
