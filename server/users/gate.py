"""What an address names, and whether it is there for whoever asks: `/residents/{key}` names a resident.

One check for all pages and the API, before any of them: by id, what lies outside somebody's area is as
unknown as a wrong id, whatever is asked of it. `_NAMED` goes by the part of the address before the id.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fastapi import Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.base import Base
from server.db.models import (
    Absence,
    Alarm,
    Area,
    Command,
    CommissioningTest,
    Consent,
    Device,
    FoundDevice,
    Gateway,
    Position,
    Resident,
    Shift,
    ShiftSwap,
    Station,
    Task,
    User,
    Well,
    Window,
)
from server.errors import NotFoundError
from server.users import reach
from server.users.viewer import Viewer

_LOOKING: Final = frozenset({"GET", "HEAD"})
_PART: Final = re.compile(r"([\w-]+)/\{(\w+)(?::\w+)?\}")
_NAMED: Final[Mapping[str, type[Base]]] = {
    "absences": Absence,
    "alarms": Alarm,
    "areas": Area,
    "baseline": Position,
    "commands": Command,
    "consents": Consent,
    "devices": Device,
    "found": FoundDevice,
    "gateways": Gateway,
    "kiosks": Position,
    "notices": User,
    "people": User,
    "positions": Position,
    "residents": Resident,
    "responders": User,
    "shifts": Shift,
    "site": Task,
    "stations": Station,
    "swaps": ShiftSwap,
    "tasks": Task,
    "tests": CommissioningTest,
    "users": User,
    "wells": Well,
    "windows": Window,
}
OTHERS: Final = frozenset(
    {"calls", "figures", "import", "months", "photos", "playbooks", "policies", "profiles", "push", "take"}
)
"""What else stands before a parameter, and is nobody's area: or of a thing that was named before it."""
_ASKED: Final[Mapping[str, type[Base]]] = {
    "area": Area,
    "area_id": Area,
    "device": Device,
    "device_id": Device,
    "gateway": Gateway,
    "gateway_id": Gateway,
    "position": Position,
    "position_id": Position,
    "resident": Resident,
    "resident_id": Resident,
    "well_id": Well,
}
"""The same by the names of what is asked for after the question mark."""


def check(session: Session, viewer: Viewer, request: Request) -> None:
    """Raises NotFoundError where the address names something that is not there for this person. What does
    not exist at all passes: it may be about to be made."""
    if viewer.area_ids is None:
        return
    changing = request.method not in _LOOKING
    for name, model, value in _things(request):
        column: Any = User.login if name == "users" else model.id  # type: ignore[attr-defined]  # all have one
        key = _key(column, value)
        if key is None:
            continue
        asked = select(column).where(column == key)
        seen = asked.where(reach.condition(viewer, model, changing=changing or model is User))
        if session.scalar(seen) is None and session.scalar(asked) is not None:
            raise NotFoundError(f"there is no {name.removesuffix('s')} {value[:70]!r}")


def parts(path: str) -> list[tuple[str, str]]:
    """What stands before each parameter of a route, with its name."""
    return _PART.findall(path)


def is_known(before: str) -> bool:
    """Whether it is said what an id means that stands after this part of an address."""
    return before in _NAMED or before in OTHERS


def _things(request: Request) -> Iterator[tuple[str, type[Base], str]]:
    for before, parameter in parts(request.scope["route"].path):
        if before in _NAMED and parameter in request.path_params:
            yield before, _NAMED[before], str(request.path_params[parameter])
    for name, value in request.query_params.multi_items():
        if name in _ASKED and value:
            yield name.removesuffix("_id"), _ASKED[name], value


def _key(column: Any, value: str) -> str | int | None:
    if column.type.python_type is not int:
        return value
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 18 else None
