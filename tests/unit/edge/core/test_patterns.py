"""Topic patterns: what matches is found under the pattern's profile, and a flood of topics is cut."""

import pytest

from edge.core.found import MOST_DEVICES
from edge.core.patterns import Patterns, wild_parts


@pytest.mark.parametrize(
    ("pattern", "topic", "parts"),
    [
        ("devices/+/state", "devices/well-7/state", ("well-7",)),
        ("devices/+/state", "devices/well-7/state/x", None),
        ("devices/+/state", "devices/state", None),
        ("application/+/device/+/event/up", "application/a/device/24e1/event/up", ("a", "24e1")),
        ("devices/#", "devices/a/b", ("a/b",)),
        ("devices/#", "other/a", None),
        ("devices/one", "devices/one", ()),
        ("+", "a/b", None),
    ],
)
def test_wildcards(pattern: str, topic: str, parts: tuple[str, ...] | None) -> None:
    assert wild_parts(pattern, topic) == parts


def test_a_topic_is_found_once_under_the_first_pattern_that_matches() -> None:
    made = Patterns({"devices/+/state": "dingtek-dc410", "devices/#": "other"})
    assert made.heard("devices/well-7/state") is True
    assert made.heard("devices/well-7/state") is False
    assert made.heard("elsewhere") is None
    (device,) = made.devices
    assert (device.source, device.base, device.id) == ("mqtt", "devices/+/state", "devices/well-7/state")
    assert (device.name, device.topic, device.profile) == ("well-7", "devices/well-7/state", "dingtek-dc410")


def test_a_flood_of_topics_is_cut_and_counted() -> None:
    made = Patterns({"devices/#": "p"})
    for number in range(MOST_DEVICES + 3):
        made.heard(f"devices/{number}")
    assert (len(made.devices), made.left_out) == (MOST_DEVICES, 3)
    assert made.heard("devices/" + "x" * 300) is False
