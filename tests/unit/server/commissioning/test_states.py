"""A position's state, by time alone."""

from datetime import UTC, datetime, timedelta

import pytest

from firmware_profiles import load_catalogue
from server.commissioning import trial
from server.commissioning.service import retest_table
from server.commissioning.states import Protection, standing

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("device", "signed", "due", "state"),
    [
        (None, None, None, Protection.NOT_INSTALLED),
        ("d", None, None, Protection.UNTESTED),
        ("d", NOW, NOW + timedelta(days=1), Protection.PROTECTING),
        ("d", NOW, NOW, Protection.RETEST_DUE),
    ],
)
def test_states(device: str | None, signed: datetime | None, due: datetime | None, state: Protection) -> None:
    assert standing(device, signed_at=signed, due_at=due, now=NOW).state is state


def test_every_profile_can_be_tested() -> None:
    """Each says what to do, and its point exists: a device without a test would never count."""
    for profile in load_catalogue().values():
        asked = trial.trial_of(profile)
        assert asked["point"] in profile.points, profile.id
        assert asked["name"]["zh"]
        assert trial.within(asked) <= timedelta(minutes=15), profile.id
        assert trial.days_of(profile.family, {}, retest_table()) > 0


def test_an_operator_may_set_the_days() -> None:
    assert trial.days_of("button", {"button": 7}, retest_table()) == 7
    assert trial.days_of("unheard-of", {}, retest_table()) == min(retest_table().values())


def test_any_news_counts_where_no_values_are_asked() -> None:
    asked = {"point": "temperature", "values": [], "watch": ["rssi"]}
    assert trial.counts(asked, 0.0)
    assert not trial.counts(asked, None)
    assert trial.news(asked, {"temperature": 21.0, "rssi": -60}) == 21.0
    assert trial.watched(asked, {"temperature": 21.0, "rssi": -60}) == {"rssi": -60}
