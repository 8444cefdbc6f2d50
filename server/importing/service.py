"""Checking tables against the record and one another, and writing them in one transaction.

Checking only reads, however long it takes: on SQLite a long writer would keep alarms waiting. Writing begins
when everything is right, and ends with all of it or nothing.
"""

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
    Station,
    User,
    Well,
)
from server.devices import service as registry
from server.devices.schemas import DeviceIn
from server.errors import InvalidError, ServerError
from server.gateways import desired
from server.importing import inside, tables
from server.importing.care import (
    WORDS,
    AbsenceRow,
    ContactRow,
    PersonRow,
    absence_problem,
    write_absences,
    write_contacts,
    write_people,
)
from server.importing.tables import KEYS, KINDS, PARAMETER, RowError, Table
from server.places import upstream
from server.places.policy import PlacesPolicy
from server.places.schemas import PositionIn, ResidentIn, StationIn, WellIn, check_id
from server.policies.service import current
from server.residents import contacts
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
}
_REFERENCES: Final = {
    "area_id": "areas",
    "resident_id": "residents",
    "well_id": "wells",
    "gateway_id": "gateways",
    "position_id": "positions",
    "station_id": "stations",
    "login": "people",
}
_RIGHTS: Final = {
    "people": Right.MANAGE_USERS,
    "stations": Right.EDIT_RESIDENTS,
    "residents": Right.EDIT_RESIDENTS,
    "contacts": Right.EDIT_RESIDENTS,
    "absences": Right.EDIT_RESIDENTS,
}
"""What a table needs beside the right to register."""
_LISTS: Final = frozenset({"upstream", "skills"})
_FIXES: Final = {
    "missing": "fill the cell",
    "string_too_short": "fill the cell",
    "string_too_long": "shorten it",
    "int_parsing": "write a whole number",
    "float_parsing": "write a number",
    "literal_error": "write one of the words that are allowed",
}
_NUMBERS: Final = frozenset({"port", "unit", "baud", "stop_bits"})


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a file: all mistakes, or how many rows are (or could be) written."""

    rows: int
    errors: tuple[RowError, ...]
    applied: bool = False


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: str
    sheet: str
    row: int
    id: str
    body: Any


@dataclass(slots=True)
class _Known:
    """Ids that exist, by table; and which device is at which position now."""

    ids: dict[str, set[str]]
    holders: dict[str, str]
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
    viewer.require(Right.REGISTER)
    if kind is not None and kind not in KINDS:
        raise InvalidError(f"kind is one of {', '.join(KINDS)}", where="kind")
    found, wrong = tables.read(name, data, kind)
    for table in found:
        viewer.require(_RIGHTS.get(table.kind, Right.REGISTER))
    rows = sum(len(table.rows) for table in found)
    with context.database.read() as session:
        entries = _check(session, viewer, found, wrong, context.catalogue, now)
    if wrong or not apply:
        return Report(rows, tuple(sorted(wrong, key=_place)))
    try:
        with context.database.write() as session:
            _write(session, viewer, entries, context.catalogue, now)
            counts = {one: sum(entry.kind == one for entry in entries) for one in KINDS}
            digest = sha256(data).hexdigest()[:16]
            audit.write(session, viewer, action="import", subject=("file", digest), now=now, rows=counts)
    except _RefusedError as error:
        return Report(rows, (error.row,))
    except IntegrityError:
        what = "something that the file refers to has changed meanwhile"
        return Report(rows, (RowError(name[:100], 0, "", what, "check the file again"),))
    return Report(rows, (), applied=True)


class _RefusedError(Exception):
    """Something changed between the check and the writing: nothing was written."""

    def __init__(self, row: RowError) -> None:
        super().__init__(row.what)
        self.row = row


def _check(
    session: Session,
    viewer: Viewer,
    found: Iterable[Table],
    wrong: list[RowError],
    catalogue: Catalogue,
    now: datetime,
) -> list[_Entry]:
    known = _known(session, viewer)
    ordered = sorted(found, key=lambda table: KINDS.index(table.kind))
    for table in ordered:
        for row in table.rows:
            _claim(table, row, known, wrong)
    entries: list[_Entry] = []
    for table in ordered:
        for row in table.rows:
            values = _values(session, table, row.cells)
            body, problems = _body(table, row, values)
            problems += _missing(table, row, values, known)
            problems += inside.problems(session, viewer, table, row, body)
            if body is not None and table.kind == "devices" and not problems:
                problems += _device_problems(session, table, row, body, known, catalogue)
            if isinstance(body, AbsenceRow) and not problems:
                found_out = absence_problem(session, body, now)
                problems += [RowError(table.sheet, row.number, *found_out)] if found_out else []
            wrong += problems
            if body is not None and not problems:
                key = tables.key_of(table.kind, row.cells)
                entries.append(_Entry(table.kind, table.sheet, row.number, key, body))
    return entries


def _claim(table: Table, row: tables.Row, known: _Known, wrong: list[RowError]) -> None:
    """Notes that a row brings an id, so that other rows may refer to it."""
    column = KEYS.get(table.kind, ("id",))[0]
    key = tables.key_of(table.kind, row.cells)
    try:
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
            values[column] = cell.replace("，", " ").replace(",", " ").split()
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


def _write(
    session: Session, viewer: Viewer, entries: Sequence[_Entry], catalogue: Catalogue, now: datetime
) -> None:
    """Few statements for many rows: on SQLite everybody else waits meanwhile."""
    by_kind = {kind: [entry for entry in entries if entry.kind == kind] for kind in KINDS}
    radius = current(session, PlacesPolicy).station_radius_m
    for kind in ("stations", "residents", "wells", "positions"):
        model = _FORMS[kind][0]
        there = {_id(row): row for row in session.scalars(select(model))} if by_kind[kind] else {}
        only_new = {"created_at": now} if model in (Position, Resident) else {}
        for entry in by_kind[kind]:
            values = entry.body.model_dump(exclude={"contact", "contacts", "upstream"})
            if model is Station:
                values["radius_m"] = values["radius_m"] or radius
            row = there.get(entry.id)
            if row is None:
                session.add(model(id=entry.id, **values, **only_new))
            for name, value in values.items() if row is not None else ():
                setattr(row, name, value)
        session.flush()
    write_people(session, {entry.id: entry.body for entry in by_kind["people"]}, now=now)
    for entry in by_kind["residents"]:
        if isinstance(entry.body, ResidentIn) and "contact" in entry.body.model_fields_set:
            contacts.write(session, entry.id, contacts.parse(entry.body.contact))
    write_contacts(session, [entry.body for entry in by_kind["contacts"]])
    write_absences(session, [entry.body for entry in by_kind["absences"]], by=viewer.user_id, now=now)
    for entry in by_kind["wells"]:
        if "upstream" in entry.body.model_fields_set:
            upstream.put(session, entry.id, entry.body.upstream)
    _write_devices(session, by_kind["devices"], catalogue, now)


def _write_devices(session: Session, entries: Sequence[_Entry], catalogue: Catalogue, now: datetime) -> None:
    if not entries:
        return
    known = {row.id: row.gateway_id for row in session.execute(select(Device.id, Device.gateway_id))}
    taken = set(session.scalars(select(Attachment.position_id).where(Attachment.until.is_(None))))
    gateways = {entry.body.gateway_id for entry in entries}
    new = {
        entry.id: entry.body
        for entry in entries
        if entry.id not in known and entry.body.position_id not in taken
    }
    for entry in entries:
        if entry.id in new:
            continue
        gateways |= {known[entry.id]} if entry.id in known else set()
        try:
            registry.register(session, entry.id, entry.body, catalogue=catalogue, now=now, tell=False)
        except ServerError as error:
            row = RowError(entry.sheet, entry.row, "", error.message, "check the file again")
            raise _RefusedError(row) from error
    registry.register_new(session, new, catalogue=catalogue, now=now)
    for gateway_id in sorted(gateways):
        desired.refresh(session, gateway_id, catalogue)


def _known(session: Session, viewer: Viewer) -> _Known:
    models: tuple[type[Any], ...] = (Area, Resident, Well, Position, Gateway, Station)
    ids = {
        model.__tablename__: set(
            session.scalars(select(model.id).where(reach.condition(viewer, model, changing=model is Area)))
        )
        for model in models
    }
    ids["people"] = set(session.scalars(select(User.login).where(reach.serving(viewer))))
    holding = select(Attachment.position_id, Attachment.device_id).where(Attachment.until.is_(None))
    return _Known(ids, dict(session.execute(holding).all()))


def _id(row: Any) -> str:
    return str(row.id)


def _place(error: RowError) -> tuple[str, int, str]:
    return error.sheet, error.row, error.column
