"""Profiles as short texts, and the search in their list."""

import pytest

from firmware_profiles import load_catalogue, parse_payload
from firmware_profiles.schema import Firmware
from server.web.profiles.routes import filtered
from server.web.profiles.wording import condition, firmware, payload_text, value, word

CATALOGUE = load_catalogue()


@pytest.mark.parametrize(
    ("profile_id", "rule", "text"),
    [
        ("aqara-mccgq11lm", "cover_open", "cover_open = true"),
        ("aqara-mccgq11lm", "battery_low", "battery < 20 %; ✓ ≥ 40 %"),
        ("aqara-mccgq11lm", "silent", "∅ 25h"),
        ("owon-fds315", "fall_suspected", "posture = low_posture, 10m"),
        ("heiman-hs1eb", "sos", "action = single | double | hold"),
        ("omega-os-mini", "fever", "temperature > 37.25 °C; ✓ ≤ 37 °C"),
    ],
)
def test_conditions(profile_id: str, rule: str, text: str) -> None:
    profile = CATALOGUE[profile_id]
    (template,) = [item for item in profile.rule_templates() if item.key == rule]
    assert condition(profile, template) == text


@pytest.mark.parametrize("profile_id", list(CATALOGUE))
def test_every_rule_of_every_profile_has_words(profile_id: str) -> None:
    profile = CATALOGUE[profile_id]
    for template in profile.rule_templates():
        assert condition(profile, template)
    for example in profile.examples:
        if example.refusal is None and example.input.text is None:
            parse_payload(payload_text(example.input), port=example.input.port)


@pytest.mark.parametrize(
    ("lowest", "highest", "text"),
    [(None, None, ""), ("1.2", None, "≥ 1.2"), (None, "2", "≤ 2"), ("1", "2", "1 – 2")],
)
def test_versions(lowest: str | None, highest: str | None, text: str) -> None:
    assert firmware(Firmware(lowest=lowest, highest=highest)) == text


def test_values_and_their_words() -> None:
    point = CATALOGUE["aqara-mccgq11lm"].points["cover_open"]
    assert (word(point, True, "en"), word(point, True, "zh")) == ("open", "开")
    assert [value(item) for item in (None, False, 2.50, 7, "x" * 200)] == [
        "–", "false", "2.5", "7", "x" * 119 + "…",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("q", "found"),
    [("aqara mccg", ["aqara-mccgq11lm"]), ("门窗", ["aqara-mccgq11lm"]), ("no such thing", [])],
)
def test_search(q: str, found: list[str]) -> None:
    profiles = filtered(CATALOGUE.values(), q)
    assert [profile.id for profile in profiles][:1] == found[:1]
