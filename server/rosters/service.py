"""Entering and cancelling shifts, and swapping them: asked, then accepted, refused or withdrawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.audit import service as audit
from server.db.models import Area, Shift, ShiftSwap, Station, User
from server.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from server.rosters.core import Span, weekly
from server.users import reach
from server.users.roles import WORKERS, Right, Role
from server.users.viewer import Viewer

LONGEST: Final = timedelta(hours=48)
"""A shift; two days are an on-call week-end, more is a slip of the pen."""
MOST_WEEKS: Final = 26


class ShiftIn(BaseModel):
    """A shift and its weekly repeats: `weeks` rows in all. For an area or a station, or for everywhere."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    user_id: int
    role: Role
    area_id: str | None = None
    station_id: str | None = None
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    weeks: Annotated[int, Field(ge=1, le=MOST_WEEKS)] = 1

    @model_validator(mode="after")
    def _fits(self) -> "ShiftIn":
        if self.role not in WORKERS:
            raise ValueError(f"nobody is on duty as {self.role}")
        if not timedelta(0) < self.ends_at - self.starts_at <= LONGEST:
            raise ValueError(f"a shift ends after it begins, and within {LONGEST // timedelta(hours=1)} h")
        if self.area_id and self.station_id:
            raise ValueError("an area or a station, not both")
        return self


@dataclass(frozen=True, slots=True)
class Entered:
    """What was written, and which of the person's other shifts it runs into."""

    shift_ids: tuple[int, ...]
    overlapping: tuple[Shift, ...]


def enter(session: Session, viewer: Viewer, wanted: ShiftIn, *, now: datetime) -> Entered:
    """Writes the shifts; those that are there already are left as they are. Overlaps are told, not refused:
    a person may stand in for two.

    Raises NotFoundError for an unknown person, area or station; InvalidError for one who is disabled, and
    for a shift everywhere, where the writer has an area.
    """
    viewer.require(Right.PLAYBOOKS)
    _check(session, viewer, wanted)
    spans = weekly(Span(wanted.starts_at, wanted.ends_at), wanted.weeks)
    whole = Span(spans[0].starts_at, spans[-1].ends_at)
    theirs = running(session, whole, user_id=wanted.user_id)
    same = {_place(shift) for shift in theirs}
    added: list[Shift] = []
    for span in spans:
        shift = Shift(
            user_id=wanted.user_id,
            role=wanted.role,
            area_id=wanted.area_id or None,
            station_id=wanted.station_id or None,
            starts_at=span.starts_at,
            ends_at=span.ends_at,
            created_at=now,
            created_by=viewer.user_id,
        )
        if _place(shift) not in same:
            session.add(shift)
            added.append(shift)
    session.flush()
    audit.write(
        session,
        viewer,
        action="shifts_entered",
        subject=("user", str(wanted.user_id)),
        now=now,
        shifts=[shift.id for shift in added],
    )
    new = [Span(shift.starts_at, shift.ends_at) for shift in added]
    overlapping = [old for old in theirs if any(span.overlaps(_span(old)) for span in new)]
    return Entered(tuple(shift.id for shift in added), tuple(overlapping))


def cancel(session: Session, viewer: Viewer, shift_id: int, *, now: datetime) -> None:
    """Takes a shift out of the roster; swaps that were asked for it are withdrawn. Raises NotFoundError,
    ForbiddenError; InvalidError for a shift everywhere, where the writer has an area."""
    viewer.require(Right.PLAYBOOKS)
    shift = _locked(session, shift_id)
    _check_place(viewer, shift.area_id, shift.station_id)
    if shift.cancelled_at is not None:
        return
    shift.cancelled_at = now
    for swap in _asked(session, shift_id):
        swap.state, swap.answered_at = "withdrawn", now
    audit.write(session, viewer, action="shift_cancelled", subject=("shift", str(shift_id)), now=now)


def ask_swap(session: Session, viewer: Viewer, shift_id: int, to_id: int, *, now: datetime) -> ShiftSwap:
    """Asks another to take a shift. Raises ForbiddenError (not your shift), ConflictError (over, or asked
    already), InvalidError (not somebody who can do it)."""
    shift = _locked(session, shift_id)
    if shift.user_id != viewer.user_id and not viewer.may(Right.PLAYBOOKS):
        raise ForbiddenError("this shift is not yours: ask whoever writes the roster")
    if shift.cancelled_at is not None or shift.ends_at <= now:
        raise ConflictError("this shift is over or was cancelled")
    if _asked(session, shift_id):
        raise ConflictError("somebody is asked already: withdraw that first")
    to = session.scalar(select(User).where(User.id == to_id, reach.serving(viewer)))
    giver = session.get_one(User, shift.user_id)
    if to is None or to.disabled_at is not None or to.id == giver.id:
        raise InvalidError("choose another person who works here")
    if to.role not in (shift.role, giver.role):
        raise InvalidError(f"{to.name} is not {shift.role}")
    swap = ShiftSwap(shift_id=shift.id, from_id=shift.user_id, to_id=to_id, state="asked", asked_at=now)
    session.add(swap)
    session.flush()
    audit.write(
        session,
        viewer,
        action="swap_asked",
        subject=("shift", str(shift_id)),
        now=now,
        swap=swap.id,
        to=to_id,
    )
    return swap


def answer_swap(session: Session, viewer: Viewer, swap_id: int, state: str, *, now: datetime) -> ShiftSwap:
    """Accepts or refuses (whoever is asked) or withdraws (whoever asked; either may be done by who writes
    the roster). An accepted shift is the other's at once.

    Raises NotFoundError, ForbiddenError, ConflictError (answered before, or the shift is over).
    """
    known = session.get(ShiftSwap, swap_id)
    if known is None:
        raise NotFoundError(f"there is no swap {swap_id}")
    shift = _locked(session, known.shift_id)
    swap = session.get_one(ShiftSwap, swap_id, with_for_update=True, populate_existing=True)
    theirs = swap.from_id if state == "withdrawn" else swap.to_id
    if viewer.user_id != theirs and not viewer.may(Right.PLAYBOOKS):
        raise ForbiddenError("this is not yours to answer")
    if swap.state != "asked":
        raise ConflictError(f"this was {swap.state} already")
    if state == "accepted":
        if shift.cancelled_at is not None or shift.ends_at <= now or shift.user_id != swap.from_id:
            raise ConflictError("this shift is over, cancelled or somebody else's by now")
        shift.user_id = swap.to_id
    swap.state, swap.answered_at = state, now
    audit.write(
        session, viewer, action=f"swap_{state}", subject=("shift", str(shift.id)), now=now, swap=swap.id
    )
    return swap


def running(session: Session, whole: Span, *, user_id: int | None = None) -> Sequence[Shift]:
    """The shifts that touch `whole`, by their beginning; one person's, or everybody's."""
    query = select(Shift).where(
        Shift.cancelled_at.is_(None), Shift.starts_at < whole.ends_at, Shift.ends_at > whole.starts_at
    )
    if user_id is not None:
        query = query.where(Shift.user_id == user_id)
    return session.scalars(query.order_by(Shift.starts_at, Shift.id)).all()


def swaps(session: Session, *, user_id: int | None = None, limit: int = 50) -> Sequence[ShiftSwap]:
    """Swaps with their answers, the newest first; one person's, or everybody's."""
    query = select(ShiftSwap).order_by(ShiftSwap.id.desc()).limit(limit)
    if user_id is not None:
        query = query.where((ShiftSwap.from_id == user_id) | (ShiftSwap.to_id == user_id))
    return session.scalars(query).all()


def _check(session: Session, viewer: Viewer, wanted: ShiftIn) -> None:
    user = session.scalar(select(User).where(User.id == wanted.user_id, reach.serving(viewer)))
    if user is None:
        raise NotFoundError(f"there is no person {wanted.user_id}")
    if user.disabled_at is not None:
        raise InvalidError(f"{user.name} does not work here any more")
    _check_place(viewer, wanted.area_id, wanted.station_id)
    if wanted.area_id and not reach.known(session, Area, wanted.area_id):
        raise NotFoundError(f"there is no area {wanted.area_id!r}")
    if wanted.station_id and not reach.known(session, Station, wanted.station_id):
        raise NotFoundError(f"there is no station {wanted.station_id!r}")


def _check_place(viewer: Viewer, area_id: str | None, station_id: str | None) -> None:
    if not area_id and not station_id:
        reach.require_everywhere(viewer, "shifts without a place")


def _locked(session: Session, shift_id: int) -> Shift:
    shift = session.get(Shift, shift_id, with_for_update=True, populate_existing=True)
    if shift is None:
        raise NotFoundError(f"there is no shift {shift_id}")
    return shift


def _asked(session: Session, shift_id: int) -> Sequence[ShiftSwap]:
    query = select(ShiftSwap).where(ShiftSwap.shift_id == shift_id, ShiftSwap.state == "asked")
    return session.scalars(query).all()


def _span(shift: Shift) -> Span:
    return Span(shift.starts_at, shift.ends_at)


def _place(shift: Shift) -> tuple[object, ...]:
    return shift.role, shift.area_id, shift.station_id, shift.starts_at, shift.ends_at
