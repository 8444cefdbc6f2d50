"""Rows of a roster: who is on duty from when to when, and how many weeks in a row."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.models import Shift, User
from server.importing.care import WORDS, moment
from server.importing.tables import Table
from server.places.schemas import Id
from server.rosters.core import LOCAL, Span, weekly
from server.rosters.service import LONGEST, MOST_WEEKS, running
from server.users import reach
from server.users.roles import WORKERS, Role
from server.users.viewer import Viewer

Problem = tuple[str, str, str]
"""Column, what is wrong, what to do."""
_HOURS: Final = LONGEST // timedelta(hours=1)


class ShiftRow(BaseModel):
    """A shift of the person with this login, or of the only one of this name; without a role as what they
    are. Times without a zone are the clock on the wall of the subdistrict."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    login: str = ""
    name: str = ""
    role: Role | None = None
    area_id: Id | None = None
    station_id: Id | None = None
    starts_at: Annotated[datetime, BeforeValidator(moment)]
    ends_at: Annotated[datetime, BeforeValidator(moment)]
    weeks: Annotated[int, Field(ge=1, le=MOST_WEEKS)] = 1

    @field_validator("ends_at")
    @classmethod
    def _after(cls, value: datetime, info: ValidationInfo) -> datetime:
        begins = info.data.get("starts_at")
        if begins is not None and not timedelta(0) < value - begins <= LONGEST:
            raise ValueError(f"a shift ends after it begins, and within {_HOURS} h")
        return value

    def spans(self) -> list[Span]:
        """The shift and its repeats."""
        return weekly(Span(self.starts_at, self.ends_at), self.weeks)

    def place(self, span: Span) -> "Place":
        """What makes one of its shifts the same as another."""
        return (str(self.role), self.area_id, self.station_id, span.starts_at, span.ends_at)


Place = tuple[str, str | None, str | None, datetime, datetime]


@dataclass(frozen=True, slots=True)
class _Person:
    login: str
    name: str
    role: str
    id: int | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class _Taken:
    span: Span
    row: int | None  # of the file; None: it is in the roster


def check(
    session: Session, viewer: Viewer, rows: Mapping[int, ShiftRow], coming: Iterable[Table]
) -> list[tuple[int, Problem]]:
    """What is wrong, by row; the others get their person's login and role. `coming` are the file's tables:
    people in them may be on duty at once."""
    people = _people(session, viewer, coming)
    wrong: list[tuple[int, Problem]] = []
    right: dict[int, ShiftRow] = {}
    for number, row in rows.items():
        found = _found(people, row)
        problem = found if isinstance(found, tuple) else _unfit(viewer, row, found)
        if problem is not None:
            wrong.append((number, problem))
        if isinstance(found, _Person) and problem is None:
            row.login, row.role = found.login, row.role or Role(found.role)
            right[number] = row
    return wrong + _overlapping(session, people, right)


def write(session: Session, rows: Sequence[ShiftRow], *, by: int, now: datetime) -> None:
    """Adds the shifts that are not in the roster yet."""
    if not rows:
        return
    logins = {row.login for row in rows}
    ids = {
        user.login: user.id
        for user in session.execute(select(User.id, User.login).where(User.login.in_(logins)))
    }
    there = _roster(session, rows)
    for row in rows:
        user_id = ids[row.login]
        for span in row.spans():
            if (user_id, row.place(span)) in there:
                continue
            there[user_id, row.place(span)] = span
            session.add(
                Shift(
                    user_id=user_id,
                    role=str(row.role),
                    area_id=row.area_id,
                    station_id=row.station_id,
                    starts_at=span.starts_at,
                    ends_at=span.ends_at,
                    created_at=now,
                    created_by=by,
                )
            )
    session.flush()


def _people(session: Session, viewer: Viewer, coming: Iterable[Table]) -> dict[str, _Person]:
    query = select(User.id, User.login, User.name, User.role, User.disabled_at).where(reach.serving(viewer))
    found = {
        row.login: _Person(row.login, row.name, row.role, row.id, row.disabled_at is not None)
        for row in session.execute(query)
    }
    for table in coming:
        for row in table.rows if table.kind == "people" else ():
            login, role = row.cells.get("login", ""), row.cells.get("role", "")
            known = found.get(login, _Person(login, "", ""))
            name = row.cells.get("name") or known.name
            found[login] = _Person(login, name, WORDS["role"].get(role, role) or known.role, known.id)
    return found


def _found(people: Mapping[str, _Person], row: ShiftRow) -> _Person | Problem | None:
    """The person, what is wrong with how they are named, or nothing where an unknown login is told anyway."""
    if row.login:
        person = people.get(row.login)
        if person is not None and row.name and person.name != row.name:
            return "name", f"{row.login!r} is {person.name}", "correct the name or the login"
        return person
    if not row.name:
        return "login", "nobody is named", "write the login, or the name"
    named = [person for person in people.values() if person.name == row.name and not person.gone]
    if len(named) == 1:
        return named[0]
    if not named:
        return "name", f"there is no person {row.name[:70]!r}", "add them to the people, or correct the name"
    logins = ", ".join(person.login for person in named[:5])
    return "name", f"{len(named)} people are called {row.name[:70]!r}", f"write the login: {logins}"


def _unfit(viewer: Viewer, row: ShiftRow, person: _Person | None) -> Problem | None:
    if person is None:
        return None
    if person.gone:
        return "login", f"{person.name} does not work here any more", "take the row out"
    role = row.role or person.role
    if role not in WORKERS:
        return "role", f"nobody is on duty as {role}", "write a role that works on tasks"
    if row.area_id and row.station_id:
        return "station_id", "an area and a station", "a shift is for one of them, or for everywhere"
    if not row.area_id and not row.station_id and viewer.area_ids is not None:
        return "area_id", "a shift without a place counts for all areas", "fill the cell"
    return None


def _overlapping(
    session: Session, people: Mapping[str, _Person], rows: Mapping[int, ShiftRow]
) -> list[tuple[int, Problem]]:
    """Rows that run into another shift of the same person; the same shift once more is none."""
    taken: dict[str, list[_Taken]] = {}
    known = _roster(session, list(rows.values()))
    login_of = {person.id: person.login for person in people.values() if person.id is not None}
    for (known_id, _), span in known.items():
        if known_id in login_of:
            taken.setdefault(login_of[known_id], []).append(_Taken(span, None))
    seen: set[tuple[str, Place]] = set()
    for number, row in rows.items():
        user_id = people[row.login].id
        for span in row.spans():
            place = row.place(span)
            if (user_id, place) in known or (row.login, place) in seen:
                continue
            seen.add((row.login, place))
            taken.setdefault(row.login, []).append(_Taken(span, number))
    wrong: dict[int, Problem] = {}
    for login, shifts in taken.items():
        last: _Taken | None = None
        for one in sorted(shifts, key=lambda each: (each.span.starts_at, each.span.ends_at)):
            if last is not None and one.span.overlaps(last.span) and (one.row or last.row):
                row_, other = (one.row, last.span) if one.row is not None else (last.row, one.span)
                if row_ is not None:
                    wrong.setdefault(row_, _told(people[login].name, other))
            if last is None or one.span.ends_at > last.span.ends_at:
                last = one
    return list(wrong.items())


def _told(name: str, span: Span) -> Problem:
    begins, ends = span.starts_at.astimezone(LOCAL), span.ends_at.astimezone(LOCAL)
    what = f"{name} is on duty then already: {begins:%Y-%m-%d %H:%M} to {ends:%m-%d %H:%M}"
    return "starts_at", what, "correct the times, or cancel the other shift"


def _roster(session: Session, rows: Sequence[ShiftRow]) -> dict[tuple[int, Place], Span]:
    """The shifts that there are around those of the rows, by person and place."""
    spans = [span for row in rows for span in row.spans()]
    if not spans:
        return {}
    whole = Span(min(span.starts_at for span in spans), max(span.ends_at for span in spans))
    return {
        (one.user_id, (one.role, one.area_id, one.station_id, one.starts_at, one.ends_at)): Span(
            one.starts_at, one.ends_at
        )
        for one in running(session, whole)
    }
