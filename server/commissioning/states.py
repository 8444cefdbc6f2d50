"""Whether a position protects, judged by its hardware, its last signed test and `now`. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class Protection(StrEnum):
    """From nothing to all well, and back to where somebody has to come again."""

    NOT_INSTALLED = "not_installed"
    UNTESTED = "untested"
    TESTED = "tested"  # it works, and calls no help: it tells of daily life or comfort
    PROTECTING = "protecting"
    RETEST_DUE = "retest_due"


@dataclass(frozen=True, slots=True)
class Standing:
    """A position's state. `signed_at` and `due_at` are those of the last signed test of the device that is
    there now; None where there is none."""

    state: Protection
    device_id: str | None = None
    signed_at: datetime | None = None
    due_at: datetime | None = None
    test_id: int | None = None
    """The test that runs now."""


def standing(
    device_id: str | None,
    *,
    signed_at: datetime | None,
    due_at: datetime | None,
    test_id: int | None = None,
    now: datetime,
) -> Standing:
    """A new device starts untested, whatever was signed for the one before it: pass only its own tests."""
    if device_id is None:
        return Standing(Protection.NOT_INSTALLED)
    if signed_at is None:
        return Standing(Protection.UNTESTED, device_id, test_id=test_id)
    due = due_at is not None and due_at <= now
    state = Protection.RETEST_DUE if due else Protection.PROTECTING
    return Standing(state, device_id, signed_at, due_at, test_id)


def in_home(standing: Standing, *, helps: bool) -> Standing:
    """The state of a place in somebody's home: what calls no help protects nobody, however well it works."""
    if helps or standing.state is not Protection.PROTECTING:
        return standing
    return replace(standing, state=Protection.TESTED)
