"""A repetition is no sign of life, a press is never held back, and who is lost says its last values stale."""

from dataclasses import replace
from typing import Any

import pytest

from edge.core.home_assistant import Availability, AvailabilityTopic
from edge.core.presence import STARTING_MS, Presence, availability_word
from edge.core.templates import parse_template
from edge.readings import Quality, Reading, TimeSource
from tests.contract.edge_inbox import packaged

NOW_MS = 1_780_000_000_000
TOPIC = "z/leak"
LEAK = packaged("aqara-sjcgq12lm")
BUTTON = packaged("tuya-ts0215a-sos")


def reading(at_ms: int = 0, seen_ms: int | None = None, **points: Any) -> Reading:
    """A reading so many milliseconds after NOW_MS; `seen_ms` is its last_seen, likewise."""
    return Reading(
        position="p",
        device="d",
        family="well",
        time_ms=NOW_MS + (at_ms if seen_ms is None else seen_ms),
        received_ms=NOW_MS + at_ms,
        points=points,
        time_source=TimeSource.GATEWAY if seen_ms is None else TimeSource.DEVICE,
    )


def judged(presence: Presence, given: Reading) -> Quality:
    profile = BUTTON if "action" in given.points else LEAK
    return presence.judged(given, TOPIC, profile).quality


def test_the_same_value_again_is_a_sign_of_life_while_all_is_well() -> None:
    presence = Presence()
    assert judged(presence, reading(leak=False)) is Quality.GOOD
    assert judged(presence, reading(60_000, leak=False)) is Quality.GOOD


def test_a_last_seen_that_stands_still_is_a_repetition() -> None:
    presence = Presence()
    assert judged(presence, reading(0, 0, leak=False)) is Quality.GOOD
    assert judged(presence, reading(60_000, 0, leak=False, linkquality=9)) is Quality.STALE
    assert judged(presence, reading(61_000, 61_000, leak=False)) is Quality.GOOD


def test_a_value_that_was_not_known_counts_even_with_an_old_last_seen() -> None:
    presence = Presence()
    judged(presence, reading(0, 0, leak=False))
    assert judged(presence, reading(60_000, 0, leak=True)) is Quality.GOOD


def test_the_cache_that_a_starting_bridge_sends_is_no_sign_of_life() -> None:
    presence = Presence()
    judged(presence, reading(leak=False, battery=90))
    presence.bridge("z", online=True, retained=False, now_ms=NOW_MS + 1_000)
    assert judged(presence, reading(2_000, leak=False, battery=90)) is Quality.STALE
    assert judged(presence, reading(3_000, leak=True, battery=90)) is Quality.GOOD
    assert judged(presence, reading(1_001 + STARTING_MS, leak=True)) is Quality.GOOD


def test_a_retained_online_is_no_start() -> None:
    presence = Presence()
    judged(presence, reading(leak=False))
    presence.bridge("z", online=True, retained=True, now_ms=NOW_MS)
    assert judged(presence, reading(1_000, leak=False)) is Quality.GOOD


@pytest.mark.parametrize("lost", ["bridge", "device"])
def test_while_lost_only_news_counts_and_a_press_always_does(lost: str) -> None:
    presence = Presence()
    judged(presence, reading(leak=False))
    if lost == "bridge":
        presence.bridge("z", online=False, retained=True, now_ms=NOW_MS)
    else:
        presence.device(TOPIC, online=False)
    assert not presence.reachable(TOPIC)
    assert judged(presence, reading(1_000, leak=False)) is Quality.STALE
    assert judged(presence, reading(2_000, leak=True)) is Quality.GOOD
    assert judged(presence, reading(3_000, action="emergency")) is Quality.GOOD
    assert judged(presence, reading(4_000, action="emergency")) is Quality.GOOD


def test_the_devices_of_another_bridge_are_not_lost() -> None:
    presence = Presence()
    presence.bridge("zz", online=False, retained=True, now_ms=NOW_MS)
    assert presence.reachable(TOPIC)


def test_who_is_lost_says_its_last_values_as_stale_at_their_own_time() -> None:
    presence = Presence()
    assert presence.lost("d", NOW_MS) is None
    judged(presence, reading(leak=False, battery=90))
    judged(presence, reading(5_000, action="emergency"))
    judged(presence, reading(9_000, leak=True))
    told = presence.lost("d", NOW_MS + 60_000)
    assert told is not None
    assert told.quality is Quality.STALE
    assert told.points == {"leak": True, "battery": 90}
    assert (told.time_ms, told.received_ms) == (NOW_MS + 9_000, NOW_MS + 60_000)


def test_stale_and_bad_readings_teach_nothing() -> None:
    presence = Presence()
    bad = replace(reading(leak=True), quality=Quality.BAD)
    assert judged(presence, bad) is Quality.BAD
    assert presence.lost("d", NOW_MS) is None


def test_who_is_taken_away_is_forgotten() -> None:
    presence = Presence()
    judged(presence, reading(leak=True))
    presence.keep_only(set())
    assert presence.lost("d", NOW_MS) is None


@pytest.mark.parametrize(
    ("mode", "words", "reachable"),
    [
        ("latest", [("a", "up"), ("b", "down")], False),
        ("latest", [("b", "down"), ("a", "up")], True),
        ("all", [("a", "up")], True),
        ("all", [("b", "down"), ("a", "up")], False),
        ("any", [("a", "up"), ("b", "down")], True),
        ("any", [("a", "down"), ("b", "down")], False),
        ("latest", [("a", "who knows")], True),
        ("latest", [], True),
    ],
)
def test_home_assistants_availability(mode: Any, words: list[tuple[str, str]], reachable: bool) -> None:
    topics = tuple(AvailabilityTopic(topic, "up", "down") for topic in ("a", "b"))
    presence = Presence(availability={TOPIC: Availability(topics, mode)})
    for topic, word in words:
        presence.word(topic, word)
    assert presence.reachable(TOPIC) is reachable


def test_a_template_takes_the_word_out_of_an_availability_message() -> None:
    template = parse_template("{{ value_json.state }}")
    assert availability_word(template, b'{"state":"online"}') == "online"
    assert availability_word(template, b"[]") == ""
    assert availability_word(template, b"\xff") == ""
    assert availability_word(None, b" online\n") == "online"
    assert availability_word(parse_template("{{ value_json.up == 1 }}"), b'{"up":1}') == "True"
