"""What the API gives and takes about commissioning."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from server.commissioning.hardware import HardwareIn, SwapIn
from server.commissioning.service import LONGEST_NOTE
from server.commissioning.states import Protection
from server.commissioning.views import PositionView, TrialView

__all__ = ["HardwareIn", "SwapIn"]


class StandingOut(BaseModel):
    """A position's state: whether it protects, since when, until when."""

    id: str
    name: str
    area: str
    state: Protection
    device_id: str | None
    model: str
    signed_at: datetime | None
    due_at: datetime | None
    test_id: int | None


class HeldOut(BaseModel):
    """An occurrence of the tested device. `alarm_id` is set where it is a real alarm."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    rule: str
    device_at: datetime
    server_at: datetime
    alarm_id: int | None


class TestOut(BaseModel):
    """A commissioning test. `state`: waiting, seen, signed_off, cancelled, raised, expired."""

    id: int
    position_id: str
    device_id: str
    state: str
    task: dict[str, str]
    started_at: datetime
    expires_at: datetime
    seen_at: datetime | None
    seconds: float | None
    measured: dict[str, Any]
    events: list[HeldOut]
    ended_at: datetime | None
    consent: str
    note: str
    photo: bool
    due_at: datetime | None


class SignIn(BaseModel):
    """A signature: the resident's consent ("given"; "not_needed" where nobody lives), a note."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    consent: Literal["given", "not_needed"]
    note: Annotated[str, Field(max_length=LONGEST_NOTE)] = ""


class EndIn(BaseModel):
    """Ending a test without a signature. With `mine` every press was the tester's; otherwise each becomes an
    alarm at once."""

    model_config = ConfigDict(extra="forbid")

    mine: bool


class CodeIn(BaseModel):
    """A scanned or typed code."""

    model_config = ConfigDict(extra="forbid")

    code: Annotated[str, Field(max_length=512)]


class CodeOut(BaseModel):
    """What a code names of all that is known."""

    kind: str
    id: str
    position_id: str | None
    device_id: str | None
    found_id: int | None


def standing_out(view: PositionView) -> StandingOut:
    """A position for the API."""
    one = view.standing
    return StandingOut(
        id=view.id,
        name=view.name,
        area=view.area,
        state=one.state,
        device_id=one.device_id,
        model=view.model,
        signed_at=one.signed_at,
        due_at=one.due_at,
        test_id=one.test_id,
    )


def test_out(view: TrialView) -> TestOut:
    """A test for the API."""
    row = view.test
    return TestOut(
        id=row.id,
        position_id=row.position_id,
        device_id=row.device_id,
        state=view.state,
        task=view.asked,
        started_at=row.started_at,
        expires_at=row.expires_at,
        seen_at=row.seen_at,
        seconds=view.seconds,
        measured=row.measured,
        events=[HeldOut.model_validate(one) for one in (*view.held, *view.real)],
        ended_at=row.ended_at,
        consent=row.consent,
        note=row.note,
        photo=row.photo is not None,
        due_at=row.due_at,
    )
