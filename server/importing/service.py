"""Checking tables against the record and one another, and writing them in one transaction.

Checking only reads, however long it takes: on SQLite a long writer would keep alarms waiting. Writing begins
when everything is right, and ends with all of it or nothing.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue
from server.audit import service as audit
from server.context import Context
from server.db.base import Base
from server.db.models import (
    Absence,
    Area,
    Attachment,
    Contact,
    Device,
    Gateway,
    Position,
    Resident,
    Shift,
    Station,
    User,
    Well,
)
from server.devices import service as registry
from server.devices.schemas import DeviceIn
from server.errors import InvalidError
from server.importing import areas, duty, inside, tables
from server.importing.care import (
    WORDS,
    AbsenceRow,
    ContactRow,
    PersonRow,
    absence_problem,
    channel_problem,
)
from server.importing.duty import ShiftRow
from server.importing.tables import KEYS, KINDS, PARAMETER, RowError, Table
from server.importing.writing import Entry, RefusedError, write
from server.notify.channels import AddressBook
from server.places.schemas import AreaIn, PositionIn, ResidentIn, StationIn, WellIn, check_id
from server.users import reach
from server.users.roles import Right
from server.users.viewer import Viewer

_FORMS: Final[Mapping[str, tuple[type[Base], type[BaseModel]]]] = {
    "stations": (Station, StationIn),
    "people": (User, PersonRow),
    "contacts": (Contact, ContactRow),
    "absences": (Absence, AbsenceRow),
    "residents": (Resident, ResidentIn),
    "wells": (Well, WellIn),
    "positions": (Position, PositionIn),
    "devices": (Device, DeviceIn),
    "areas": (Area, AreaIn),
    "shifts": (Shift, ShiftRow),
}
_REFERENCES: Final = {
    "area_id": "areas",
    "parent_id": "areas",
    "resident_id": "residents",
    "well_id": "wells",
    "gateway_id": "gateways",
    "position_id": "positions",
    "station_id": "stations",
    "login": "people",
}
_RIGHTS: Final = {
    "areas": Right.EDIT_AREAS,
    "people": Right.EDIT_PEOPLE,
    "shifts": Right.PLAYBOOKS,
    "stations": Right.EDIT_RESIDENTS,
    "residents": Right.EDIT_RESIDENTS,
    "contacts": Right.EDIT_RESIDENTS,
    "absences": Right.EDIT_RESIDENTS,
}
"""What a table needs; the others the right to register."""
_LISTS: Final = frozenset({"upstream", "skills", "channels"})
_FIXES: Final = {
    "missing": "fill the cell",
    "string_too_short": "fill the cell",
    "string_too_long": "shorten it",
    "int_parsing": "write a whole number",
    "float_parsing": "write a number",
    "literal_error": "write one of the words that are allowed",
}
_SEPARATORS: Final = re.compile("[，,;；]")
_NUMBERS: Final = frozenset({"port", "unit", "baud", "stop_bits"})


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a file: all mistakes, or how many rows are (or could be) written."""

    rows: int
    errors: tuple[RowError, ...]
    applied: bool = False


@dataclass(slots=True)
class _Known:
    """Ids that exist, by table; which device is at which position now; the area above each area; residents
    whose data was erased; and the channels that a number can be entered for."""

    ids: dict[str, set[str]]
    holders: dict[str, str]
    above: dict[str, str | None]
    erased: frozenset[str]
    channels: frozenset[str]
    coming: dict[str, dict[str, int]] = field(default_factory=lambda: {kind: {} for kind in KINDS})


def run(
    context: Context,
    viewer: Viewer,
    *,
    name: str,
    data: bytes,
    kind: str | None,
    apply: bool,
    now: datetime,
) -> Report:
    """Checks a file, and with `apply` writes it if nothing is wrong. Putting the same file twice changes
    nothing the second time. Blocks. Raises ForbiddenError."""
    may_import(viewer)
    if kind is not None and kind not in KINDS:
        raise InvalidError(f"kind is one of {', '.join(KINDS)}", where="kind")
    found, wrong = tables.read(name, data, kind)
    for table in found:
        if table.rows:  # the template has sheets for everybody
            viewer.require(_RIGHTS.get(table.kind, Right.REGISTER))
    rows = sum(len(table.rows) for table in found)
    with context.database.read() as session:
        known = _known(session, viewer, AddressBook(context.settings.channels_file).current().gateways)
        entries = _check(session, viewer, found, wrong, known, context.catalogue, now)
    if wrong or not apply:
        return Report(rows, tuple(sorted(wrong, key=_place)))
    try:
        with context.database.write() as session:
            write(session, viewer, entries, context.catalogue, now)
            counts = {one: sum(entry.kind == one for entry in entries) for one in KINDS}
            digest = sha256(data).hexdigest()[:16]
            audit.write(session, viewer, action="import", subject=("file", digest), now=now, rows=counts)
    except RefusedError as error:
        return Report(rows, (error.row,))
    except IntegrityError:
        what = "something that the file refers to has changed meanwhile"
        return Report(rows, (RowError(name[:100], 0, "", what, "check the file again"),))
    return Report(rows, (), applied=True)


def may_import(viewer: Viewer) -> None:
    """Raises ForbiddenError for whoever neither installs nor manages."""
    if not viewer.may(Right.EDIT_AREAS):
        viewer.require(Right.REGISTER)


def kinds_of(viewer: Viewer) -> list[str]:
    """The tables that this person may bring."""
    return [kind for kind in KINDS if viewer.may(_RIGHTS.get(kind, Right.REGISTER))]


def _check(
    session: Session,
    viewer: Viewer,
    found: Iterable[Table],
    wrong: list[RowError],
    known: _Known,
    catalogue: Catalogue,
    now: datetime,
) -> list[Entry]:
    ordered = sorted(found, key=lambda table: KINDS.index(table.kind))
    for table in ordered:
        for row in table.rows:
            _claim(table, row, known, wrong)
    entries: list[Entry] = []
    for table in ordered:
        for row in table.rows:
            values = _values(session, table, row.cells)
            body, problems = _body(table, row, values)
            problems += _missing(table, row, values, known)
            problems += inside.problems(session, viewer, table, row, body)
            if body is not None and table.kind == "devices" and not problems:
                problems += _device_problems(session, table, row, body, known, catalogue)
            found_out = None
            if isinstance(body, AbsenceRow) and not problems:
                found_out = absence_problem(session, body, now)
            elif isinstance(body, PersonRow):
                found_out = channel_problem(body, known.channels)
            elif table.kind == "residents" and row.cells.get("id") in known.erased:
                found_out = ("id", "the data of this resident was erased", "take another id")
            problems += [RowError(table.sheet, row.number, *found_out)] if found_out else []
            wrong += problems
            if body is not None and not problems:
                key = tables.key_of(table.kind, row.cells)
                entries.append(Entry(table.kind, table.sheet, row.number, key, body))
    wrong += _among_themselves(session, viewer, entries, ordered)
    return entries


def _among_themselves(
    session: Session, viewer: Viewer, entries: Sequence[Entry], found: Sequence[Table]
) -> list[RowError]:
    """Mistakes that only show when all rows are looked at together: rings of areas, overlapping shifts."""
    laid = {entry.id: entry for entry in entries if entry.kind == "areas"}
    misplaced = areas.problems(session, {key: entry.body for key, entry in laid.items()})
    wrong = [
        RowError(laid[key].sheet, laid[key].row, column, what, "correct the level, or what it belongs to")
        for key, (column, what) in misplaced.items()
    ]
    shifts = dict(enumerate((entry for entry in entries if entry.kind == "shifts"), 1))
    rows = {number: entry.body for number, entry in shifts.items()}
    for number, problem in duty.check(session, viewer, rows, found) if rows else ():
        wrong.append(RowError(shifts[number].sheet, shifts[number].row, *problem))
    return wrong


def _claim(table: Table, row: tables.Row, known: _Known, wrong: list[RowError]) -> None:
    """Notes that a row brings an id, so that other rows may refer to it."""
    column = KEYS.get(table.kind, ("id",))[0]
    key = tables.key_of(table.kind, row.cells)
    try:
        if table.kind != "shifts":  # whose person may be named instead
            check_id(row.cells.get(column, ""))
    except ValueError as error:
        what = f"{row.cells.get(column, '')[:70]!r} is no id"
        wrong.append(RowError(table.sheet, row.number, column, what, str(error)))
        return
    first = known.coming[table.kind].setdefault(key, row.number)
    if first != row.number:
        wrong.append(
            RowError(
                table.sheet, row.number, column, f"{key!r} stands in row {first} already", "keep one row"
            )
        )


def _values(session: Session, table: Table, cells: Mapping[str, str]) -> dict[str, Any]:
    """The row as the form wants it. Columns that the file does not have keep what is there."""
    model, form = _FORMS[table.kind]
    values: dict[str, Any] = {}
    before = _before(session, model, table.kind, cells)
    if before is not None:
        names = [name for name in form.model_fields if name not in table.columns and hasattr(before, name)]
        values = {name: getattr(before, name) for name in names}
    address: dict[str, Any] = {}
    parameters: dict[str, Any] = {}
    for column, cell in cells.items():
        if column in _LISTS:
            values[column] = _SEPARATORS.sub(" ", cell).split()
            continue
        if column == "id" or (column == "login" and table.kind == "people") or cell == "":
            continue
        if column.startswith(PARAMETER):
            parameters[column.removeprefix(PARAMETER)] = cell
        elif column.startswith("address."):
            key = column.removeprefix("address.")
            address[key] = int(cell) if key in _NUMBERS and cell.isdecimal() else cell
        else:
            values[column] = WORDS.get(column, {}).get(cell, cell)
    if table.kind == "devices":
        if address or before is None:
            values["address"] = address
        if parameters or before is None:
            values["parameters"] = parameters
    return values


def _before(session: Session, model: type[Base], kind: str, cells: Mapping[str, str]) -> Base | None:
    if kind == "people":
        return session.scalar(select(User).where(User.login == cells.get("login", "")))
    return None if kind in KEYS else session.get(model, cells.get("id", ""))


def _body(table: Table, row: tables.Row, values: dict[str, Any]) -> tuple[BaseModel | None, list[RowError]]:
    try:
        return _FORMS[table.kind][1].model_validate(values), []
    except ValidationError as error:
        return None, [
            RowError(
                table.sheet,
                row.number,
                ".".join(str(part) for part in problem["loc"]).replace("parameters.", PARAMETER),
                problem["msg"],
                _FIXES.get(problem["type"], "correct the cell"),
            )
            for problem in error.errors()
        ]


def _missing(table: Table, row: tables.Row, values: Mapping[str, Any], known: _Known) -> list[RowError]:
    """References to what is neither there nor in the file."""
    problems = []
    asked = [(column, target, values.get(column)) for column, target in _REFERENCES.items()]
    asked += [("upstream", "wells", key) for key in values.get("upstream", ())]
    for column, target, key in asked:
        if column == "parent_id" and key and key == known.above.get(row.cells.get("id", "")):
            continue  # where it has been, though that may lie above one's own
        if not key or key in known.ids[target] or key in known.coming.get(target, {}):
            continue
        fix = f"add it to the {target}, or correct the id"
        problems.append(RowError(table.sheet, row.number, column, f"there is no {str(key)[:70]!r}", fix))
    if row.cells.get("id") in values.get("upstream", ()):
        problems.append(
            RowError(table.sheet, row.number, "upstream", "a well is not above itself", "take it out")
        )
    if table.kind == "positions" and values.get("resident_id") and values.get("well_id"):
        problems.append(
            RowError(
                table.sheet, row.number, "well_id", "a resident and a well", "a position has one of them"
            )
        )
    return problems


def _device_problems(
    session: Session,
    table: Table,
    row: tables.Row,
    body: BaseModel,
    known: _Known,
    catalogue: Catalogue,
) -> list[RowError]:
    assert isinstance(body, DeviceIn)
    key = row.cells["id"]
    problems = []
    try:
        registry.check(session, key, body, catalogue, coming=known.coming["positions"].keys())
    except InvalidError as error:
        for one in error.details.get("errors", []):
            column = one["where"].replace("parameters.", PARAMETER)
            problems.append(RowError(table.sheet, row.number, column, one["message"], "correct the cell"))
    holder = known.holders.setdefault(body.position_id, key)
    if holder != key:
        what = f"position {body.position_id!r} holds device {holder!r}"
        problems.append(
            RowError(table.sheet, row.number, "position_id", what, "replace it on its page instead")
        )
    return problems


def _known(session: Session, viewer: Viewer, channels: Iterable[str]) -> _Known:
    models: tuple[type[Any], ...] = (Area, Resident, Well, Position, Gateway, Station)
    ids = {
        model.__tablename__: set(
            session.scalars(select(model.id).where(reach.condition(viewer, model, changing=model is Area)))
        )
        for model in models
    }
    ids["people"] = set(session.scalars(select(User.login).where(reach.serving(viewer))))
    holding = select(Attachment.position_id, Attachment.device_id).where(Attachment.until.is_(None))
    above = dict(session.execute(select(Area.id, Area.parent_id)).all())
    erased = session.scalars(select(Resident.id).where(Resident.erased_at.is_not(None)))
    holders = dict(session.execute(holding).all())
    return _Known(ids, holders, above, frozenset(erased), frozenset(channels))


def _id(row: Any) -> str:
    return str(row.id)


def _place(error: RowError) -> tuple[str, int, str]:
    return error.sheet, error.row, error.column
