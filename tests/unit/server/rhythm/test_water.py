"""Water: a leak, too much, and hardly any."""

from datetime import UTC, datetime, timedelta

from server.alarms.texts import WATER_HIGH, WATER_LEAK, WATER_LOW
from server.rhythm.water import verdicts
from tests.unit.server.rhythm.lives import POLICY

UNTIL = datetime(2026, 3, 2, tzinfo=UTC)


def used(litres: dict[int, float], *, told: int = 48) -> list[tuple[datetime, float]]:
    """The newest `told` half hours, with litres by how many half hours ago."""
    return [(UNTIL - timedelta(minutes=30 * n), litres.get(n, 0.0)) for n in range(told, 0, -1)]


def test_a_usual_day_breaks_no_rule() -> None:
    found = verdicts(used({3: 20.0, 20: 60.0, 30: 15.0}), POLICY, until=UNTIL)
    assert found == {WATER_LEAK: None, WATER_HIGH: None, WATER_LOW: None}


def test_water_in_every_half_hour_is_a_leak() -> None:
    assert verdicts(used(dict.fromkeys(range(1, 49), 0.5)), POLICY, until=UNTIL)[WATER_LEAK] == 24.0
    assert verdicts(used(dict.fromkeys(range(2, 49), 0.5)), POLICY, until=UNTIL)[WATER_LEAK] is None


def test_two_cubic_metres_are_too_much_whoever_was_silent() -> None:
    assert verdicts(used({5: 2001.0}, told=20), POLICY, until=UNTIL)[WATER_HIGH] == 2001.0


def test_too_little_is_said_of_a_whole_day_only() -> None:
    assert verdicts(used({5: 7.0}), POLICY, until=UNTIL)[WATER_LOW] == 7.0
    assert WATER_LOW not in verdicts(used({5: 7.0}, told=47), POLICY, until=UNTIL)
