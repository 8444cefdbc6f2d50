"""The words that all drivers share."""

from edge.core.envelopes import EnvelopeFault
from edge.driver import TroubleReason, cut
from edge.drivers import DRIVERS
from firmware_profiles import load_catalogue


def test_text_from_outside_is_one_printable_line() -> None:
    assert cut("a\nb\x1b[31m\0") == "a\ufffdb\ufffd[31m\ufffd"
    assert cut("x" * 1_000, 10) == "x" * 9 + "…"
    assert cut("x" * 10, 10) == "x" * 10
    assert cut(ValueError("井盖")) == "井盖"


def test_every_fault_of_an_envelope_is_a_reason() -> None:
    assert {fault.value for fault in EnvelopeFault} <= {reason.value for reason in TroubleReason}


def test_every_profile_has_a_driver() -> None:
    assert {profile.driver for profile in load_catalogue().values()} <= set(DRIVERS)
