"""Forms of a resident, an absence and a station: fields in, what is checked or every mistake out. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from server.days import LOCAL
from server.places.schemas import ResidentIn, StationIn, WellIn
from server.residents.schemas import AbsenceIn

CONTACTS: Final = 8
"""Contacts in the form: those that there are, and empty lines up to this."""
_TEXTS: Final = ("area_id", "name", "address", "access", "phone", "notes", "risk")
_NUMBERS: Final = ("born", "latitude", "longitude")
_CONTACT: Final = ("relation", "name", "phone", "user_id")


def resident(fields: Mapping[str, str]) -> ResidentIn:
    """The resident as the form says. Raises ValidationError."""
    document: dict[str, Any] = {name: fields.get(name, "") for name in _TEXTS}
    document |= {name: fields.get(name) or None for name in _NUMBERS}
    document["contacts"] = [
        {
            "relation": fields.get(f"relation_{row}") or "family",
            "name": fields[f"name_{row}"],
            "phone": fields.get(f"phone_{row}", ""),
            "holds_key": f"holds_key_{row}" in fields,
            "user_id": fields.get(f"user_id_{row}") or None,
        }
        for row in range(100)
        if fields.get(f"name_{row}", "").strip()
    ]
    return ResidentIn.model_validate(document)


def station(fields: Mapping[str, str]) -> StationIn:
    """The station as the form says. Raises ValidationError."""
    document: dict[str, Any] = {
        name: fields.get(name, "") for name in ("area_id", "name", "address", "phone")
    }
    document |= {name: fields.get(name) or None for name in ("latitude", "longitude", "radius_m")}
    return StationIn.model_validate(document)


def well(fields: Mapping[str, str]) -> WellIn:
    """The well as the form says. Raises ValidationError."""
    document: dict[str, Any] = {
        name: fields.get(name, "") for name in ("area_id", "name", "address", "owner")
    }
    numbers = ("depth_m", "mount_height_m", "latitude", "longitude")
    document |= {name: fields.get(name) or None for name in numbers}
    document["upstream"] = fields.get("upstream", "").replace("，", " ").replace(",", " ").split()
    return WellIn.model_validate(document)


def absence(fields: Mapping[str, str]) -> AbsenceIn:
    """The absence as the form says. Raises ValidationError, ValueError."""
    return AbsenceIn.model_validate(
        {
            "kind": fields.get("kind", ""),
            "since": moment(fields.get("since", "")),
            "until": moment(fields.get("until", "")),
            "note": fields.get("note", ""),
        }
    )


def moment(text: str) -> datetime | None:
    """What a date and time field sends, in the pages' clock. None where nothing usable stands there."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=LOCAL)
    except ValueError:
        return None


def local(at: datetime) -> str:
    """A moment as a date and time field wants it."""
    return at.astimezone(LOCAL).strftime("%Y-%m-%dT%H:%M")


def wrong(error: ValidationError) -> dict[str, str]:
    """The mistakes by field: those of contacts as the form names them (name_0)."""
    found: dict[str, str] = {}
    for problem in error.errors():
        where = [str(part) for part in problem["loc"]]
        if where[:1] == ["contacts"] and len(where) == 3:
            where = [f"{where[2]}_{where[1]}"]
        found[".".join(where) or "until"] = problem["msg"]
    return found


def contact_rows(known: list[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """The contacts' rows with empty ones behind them."""
    empty = {"relation": "family", "name": "", "phone": "", "holds_key": "", "user_id": ""}
    return known + [empty] * max(2, min(CONTACTS, len(known) + 2) - len(known))
