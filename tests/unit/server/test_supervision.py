"""What one row or round meets ends neither its loop nor the server."""

import asyncio

import pytest
from sqlalchemy.exc import OperationalError

from server.errors import StoreUnavailableError
from server.supervision import SILENT_S, Pulse, failure, survived

AWAY = (StoreUnavailableError("away"), OperationalError("", {}, Exception("away")))


@pytest.mark.parametrize(
    "error", [ValueError("x"), KeyError("x"), ExceptionGroup("x", [ValueError()]), *AWAY]
)
def test_whatever_happens_in_a_round_the_loop_goes_on(error: Exception) -> None:
    rounds = 0
    for _ in range(2):
        with survived("round_failed"):
            rounds += 1
            raise error
    assert rounds == 2


@pytest.mark.parametrize("error", AWAY)
def test_an_outage_is_not_one_rows_fault(error: Exception) -> None:
    with pytest.raises(type(error)), survived("row_failed", outages=False):
        raise error


def test_a_cancellation_goes_through() -> None:
    with pytest.raises(asyncio.CancelledError), survived("round_failed"):
        raise asyncio.CancelledError


def test_a_failure_is_told_by_its_place_and_not_by_what_somebody_wrote() -> None:
    try:
        int("王秀英")
    except ValueError as error:
        said = failure(error)
    assert said.startswith("ValueError at test_supervision.py:")
    assert "王" not in said


def test_a_loop_that_does_not_get_round_any_more_falls_silent() -> None:
    at = 0.0
    pulse = Pulse(lambda: at)
    assert pulse.silent(("a", "b")) == ()
    at = SILENT_S
    pulse.beat("a")
    assert pulse.silent(("a", "b")) == ()
    at += 1
    assert pulse.silent(("a", "b")) == ("b",)
    pulse.beat("b")
    assert pulse.silent(("a", "b")) == ()
