"""What the registration form holds, and how it becomes a position and a device. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from firmware_profiles import Profile
from server.devices.schemas import DeviceIn
from server.places.schemas import PositionIn

ADDRESS_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "mqtt": ("topic",),
    "modbus": (
        "host", "port", "framer", "serial_port", "baud", "parity", "stop_bits", "unit", "timeout_ms",
    ),
    "http": ("source", "identity", "token", "field"),
}  # fmt: skip
_WHOLE: Final = frozenset({"port", "unit", "baud", "stop_bits", "timeout_ms"})
_KEYS: Final = {"serial_port": "serial"}
"""Where the address calls a field otherwise: the form has the device's serial number too."""
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Checked:
    """The form's content, or everything that is wrong with it: messages by field."""

    position_id: str
    device_id: str
    position: PositionIn | None
    device: DeviceIn | None
    errors: dict[str, str] = field(default_factory=dict)


def check(given: Mapping[str, str], profile: Profile | None) -> Checked:
    """Reads the form. The device's id is the position's with "dev-" before it where none was given."""
    errors: dict[str, str] = {}
    position_id = given.get("position_id", "").strip()
    device_id = given.get("device_id", "").strip() or (f"dev-{position_id}" if position_id else "")
    errors |= {name: "required" for name in ("position_id", "gateway_id", "profile") if not given.get(name)}
    resident, _, well = given.get("subject", "").partition("|")
    position = _made(
        PositionIn,
        {
            "area_id": given.get("area_id", ""),
            "name": given.get("position_name", ""),
            "resident_id": resident or None,
            "well_id": well or None,
            "latitude": given.get("latitude") or None,
            "longitude": given.get("longitude") or None,
        },
        errors,
        {"name": "position_name"},
    )
    device = _made(
        DeviceIn,
        {
            "gateway_id": given.get("gateway_id", ""),
            "position_id": position_id,
            "profile": given.get("profile", ""),
            "address": _address(given, profile),
            "parameters": _parameters(given, profile),
            "serial": given.get("serial", ""),
            "firmware": given.get("firmware", ""),
        },
        errors,
        {},
    )
    return Checked(position_id, device_id, position, device, errors)


def field_of(where: str) -> str:
    """The form's field for a place in the device that was refused."""
    if where.startswith("address."):
        key = where.removeprefix("address.")
        return next((name for name, own in _KEYS.items() if own == key), key)
    return where.replace("parameters.", "parameter.")


def _address(given: Mapping[str, str], profile: Profile | None) -> dict[str, Any]:
    names = ADDRESS_FIELDS[profile.driver] if profile else ()
    texts = {name: given.get(name, "").strip() for name in names}
    return {
        _KEYS.get(name, name): int(text) if name in _WHOLE and text.isdecimal() else text
        for name, text in texts.items()
        if text
    }


def _parameters(given: Mapping[str, str], profile: Profile | None) -> dict[str, str]:
    names = profile.parameters if profile else {}
    return {name: text for name in names if (text := given.get(f"parameter.{name}", "").strip())}


def _made(
    model: type[M], values: dict[str, Any], errors: dict[str, str], names: Mapping[str, str]
) -> M | None:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        for problem in error.errors():
            where = ".".join(str(part) for part in problem["loc"])
            where = where.replace("parameters.", "parameter.")
            empty = problem["input"] in ("", None)
            errors.setdefault(names.get(where, where), "required" if empty else problem["msg"])
        return None
