"""Default rules: the rule engine takes each of them, and silence and battery rules come of themselves."""

from typing import Any

import msgspec
import pytest

from firmware_profiles import Profile, ProfileErrors, RuleTemplate, load_catalogue
from firmware_profiles.values import duration_text
from gateway.rules.model import Condition, Severity, Silence, SilenceMode, TaskKind
from tests.unit.firmware_profiles.making import made, measure, state

CATALOGUE = load_catalogue()
RULES = [
    pytest.param(profile, rule, id=f"{profile.id}: {rule.key}")
    for profile in CATALOGUE.values()
    for rule in profile.rule_templates()
]
EXPECTED = {
    "fall": ("critical", "care"),
    "sos": ("critical", "care"),
    "cover_open": ("major", "well"),
    "water_high": ("major", "well"),
    "water_rising": ("major", "well"),
    "gas": ("critical", "well"),
    "fever": ("major", "public_health"),
    "battery_low": ("minor", "maintenance"),
    "silent": ("major", "maintenance"),
}
JSON = {"kind": "json", "fields": {"x": {"path": "x"}, "low": {"path": "low"}}}
POINTS = {"x": measure(), "low": state("true", "false")}
WORDS = {
    "name": {"zh": "名", "en": "n"},
    "advise": {"zh": "去", "en": "go"},
    "severity": "major",
    "task": "well",
}


@pytest.mark.parametrize(("profile", "rule"), RULES)
def test_the_engine_takes_the_condition(profile: Profile, rule: RuleTemplate) -> None:
    condition = msgspec.convert(rule.condition(profile.parameter_values()), Condition)
    assert getattr(condition, "point", None) == rule.point
    assert Severity(rule.severity)
    assert TaskKind(rule.task)
    assert rule.source
    if rule.key in EXPECTED:
        assert (rule.severity, rule.task) == EXPECTED[rule.key]


@pytest.mark.parametrize("profile", CATALOGUE.values(), ids=list(CATALOGUE))
def test_nobody_is_silently_unprotected(profile: Profile) -> None:
    keys = {rule.key for rule in profile.rule_templates()}
    assert "silent" in keys
    assert profile.commissioning is not None
    assert profile.battery is not None
    assert ("battery_low" in keys) == (profile.battery.kind not in ("mains", "unknown"))


@pytest.mark.parametrize(
    ("when", "condition"),
    [
        (
            {"kind": "threshold", "point": "x", "above": 8, "clear": 7.5, "for": "2m"},
            {"type": "threshold", "point": "x", "side": "above", "limit": 8, "clear": 7.5, "for_ms": 120_000},
        ),
        (
            {"kind": "threshold", "point": "x", "below": {"parameter": "full", "times": 0.8}},
            {"type": "threshold", "point": "x", "side": "below", "limit": 40, "clear": None, "for_ms": 0},
        ),
        (
            {"kind": "state", "point": "low", "values": [True]},
            {"type": "state", "point": "low", "values": [True], "for_ms": 0},
        ),
        (
            {"kind": "rate", "point": "x", "change": -3, "within": "1h"},
            {"type": "rate", "point": "x", "change": -3, "within_ms": 3_600_000},
        ),
        ({"kind": "silence", "after": "1d"}, {"type": "silence", "after_ms": 86_400_000}),
    ],
)
def test_conditions(when: dict[str, object], condition: dict[str, object]) -> None:
    profile = made(
        JSON,
        POINTS,
        rules={"r": {**WORDS, "when": when, "source": "s"}},
        parameters={"full": {"name": {"zh": "满", "en": "full"}, "unit": "mm"}},
    )
    (rule,) = profile.rule_templates()
    assert rule.condition({"full": 50}) == condition


def test_a_limit_without_its_parameter_names_it() -> None:
    when = {"kind": "threshold", "point": "x", "above": {"parameter": "full"}}
    profile = made(
        JSON,
        POINTS,
        rules={"r": {**WORDS, "when": when, "source": "s"}},
        parameters={"full": {"name": {"zh": "满", "en": "full"}, "unit": "mm"}},
    )
    with pytest.raises(KeyError, match="full"):
        profile.rule_templates()[0].condition()


def test_derived_rules() -> None:
    profile = made(
        JSON,
        POINTS,
        heartbeat={
            "default": "dry",
            "modes": {"dry": {"every": "12h", "silent_after": "25h"}},
            "source": "s",
        },
        battery={"kind": "flag", "point": "low", "source": "s"},
    )
    silent, battery = profile.rule_templates()
    assert (silent.key, silent.derived, silent.condition()) == (
        "silent",
        True,
        {"type": "silence", "after_ms": 90_000_000},
    )
    assert (battery.key, battery.condition()["values"]) == ("battery_low", [True])


def test_a_written_rule_wins_over_a_derived_one() -> None:
    profile = made(
        JSON,
        POINTS,
        rules={"silent": {**WORDS, "when": {"kind": "silence", "after": "1h"}, "source": "s"}},
        heartbeat={
            "default": "dry",
            "modes": {"dry": {"every": "12h", "silent_after": "25h"}},
            "source": "s",
        },
    )
    (rule,) = profile.rule_templates()
    assert rule.condition() == {"type": "silence", "after_ms": 3_600_000}


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0, "0s"), (250, "250ms"), (90_000, "90s"), (3_600_000, "1h"), (172_800_000, "2d")],
)
def test_durations_are_written_in_the_largest_whole_unit(milliseconds: int, text: str) -> None:
    assert duration_text(milliseconds) == text


def test_a_heartbeat_by_mode_gives_a_silence_by_mode() -> None:
    part: dict[str, Any] = {
        "default": "dry",
        "by": "leak",
        "modes": {
            "dry": {"every": "12h", "silent_after": "25h"},
            "wet": {"every": "1m", "silent_after": "5m", "when": [True]},
        },
        "source": "s",
    }
    fields = {"kind": "json", "fields": {"leak": {"path": "leak"}}}
    profile = made(fields, {"leak": state("true", "false")}, heartbeat=part)
    (silent,) = profile.rule_templates()
    condition = msgspec.convert(silent.condition(), Condition)
    assert condition == Silence(
        after_ms=90_000_000, by="leak", modes=(SilenceMode(values=(True,), after_ms=300_000),)
    )
    wrong = {**part, "by": "wet", "modes": {**part["modes"], "never": {"every": "1m", "silent_after": "5m"}}}
    with pytest.raises(ProfileErrors) as caught:
        made(fields, {"leak": state("true", "false")}, heartbeat=wrong)
    assert "heartbeat.by: is no point of this profile, got 'wet'" in str(caught.value)
    assert "heartbeat.modes.never: is never told: it needs when" in str(caught.value)
