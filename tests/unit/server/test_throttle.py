"""Guessing passwords is slowed down."""

from datetime import UTC, datetime, timedelta

from server.users.throttle import FREE_TRIES, REMEMBERED, WAIT, Throttle

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_after_the_free_tries_one_waits_a_minute() -> None:
    """… and then may try again."""
    throttle = Throttle()
    for _ in range(FREE_TRIES):
        assert throttle.wait("li", now=NOW) == timedelta(0)
        throttle.failed("li", now=NOW)
    assert throttle.wait("li", now=NOW) == WAIT
    assert throttle.wait("zhang", now=NOW) == timedelta(0)
    assert throttle.wait("li", now=NOW + WAIT) == timedelta(0)


def test_success_forgets_and_memory_is_bounded() -> None:
    """A flood of invented names costs nothing lasting."""
    throttle = Throttle()
    for number in range(REMEMBERED + 10):
        throttle.failed(f"user {number}", now=NOW)
    assert len(throttle._failures) == REMEMBERED
    throttle.succeeded(f"user {REMEMBERED}")
    assert len(throttle._failures) == REMEMBERED - 1
