"""One quantity that a Zigbee2MQTT definition exposes, as a point with its field, and what is no quantity.

`exposes` is a list of typed entries: generic ones (`binary`, `numeric`, `enum`, `text`, `list`, `composite`)
and specific ones (`switch`, `lock`, …) that wrap generic `features`. Access is a bit field: 1 published,
2 settable. What can be set is a setting of the device and no quantity, but for the few features of specific
entries that tell a state.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from firmware_profiles.generate.draft import point_name, printable
from firmware_profiles.generate.spoken_units import ucum
from firmware_profiles.generate.words import boolean_values, name_of, range_of, value_names

PUBLISHED: Final = 1
SETTABLE: Final = 2
MOST_VALUES: Final = 64
_LARGEST: Final = 1e12
"""A limit beyond it is no limit."""
_STATES: Final = frozenset({"state", "lock_state", "position", "local_temperature", "contact"})
_RENAMED: Final = {"contact": "cover_open", "water_leak": "leak"}
_CLOSED: Final = frozenset({"close", "closed"})


@dataclass(frozen=True, slots=True)
class Quantity:
    """A point, the field that it is read from, and two pairs of raw value and value for examples: of an
    alarm or a high value first. `source` is the expose's property; `path` where it stands in the message."""

    point: str
    source: str
    path: tuple[str, ...]
    document: dict[str, Any]
    steps: dict[str, Any] = field(default_factory=dict)
    pairs: tuple[tuple[Any, Any], ...] = ()

    @property
    def kind(self) -> str:
        """`measure`, `state` or `event`."""
        return str(self.document["kind"])

    @property
    def values(self) -> tuple[str, ...]:
        """What a state or event can be."""
        return tuple(self.document.get("values", ()))

    def field_document(self) -> dict[str, Any]:
        """The field as the profile writes it. Paths whose keys hold dots or brackets are lists."""
        dotted = any(mark in key for key in self.path for mark in ".[]")
        return {"path": list(self.path) if dotted else ".".join(self.path), **self.steps}


def quantities(exposes: object, notes: list[str]) -> Iterator[Quantity]:
    """The quantities among the exposes; what is left out goes to `notes`."""
    for entry, path, specific in _leaves(exposes, (), specific=False, depth=0):
        name = printable(entry.get("property") or entry.get("name") or "")
        if not name or not _is_quantity(entry, name, specific=specific):
            continue
        made = _quantity(entry, name, (*path, str(entry.get("property") or entry.get("name"))))
        if isinstance(made, str):
            notes.append(f"{name}: {made}")
        else:
            yield made


def _leaves(
    exposes: object, path: tuple[str, ...], *, specific: bool, depth: int
) -> Iterator[tuple[Mapping[str, Any], tuple[str, ...], bool]]:
    if not isinstance(exposes, list) or depth > 4:
        return
    for entry in exposes:
        if not isinstance(entry, Mapping):
            continue
        features = entry.get("features")
        if isinstance(features, list):
            composite = entry.get("type") == "composite"
            own = entry.get("property") if composite else None
            below = (*path, own) if isinstance(own, str) and own else path
            yield from _leaves(features, below, specific=specific or not composite, depth=depth + 1)
        else:
            yield entry, path, specific


def _is_quantity(entry: Mapping[str, Any], name: str, *, specific: bool) -> bool:
    access = entry.get("access")
    if not isinstance(access, int) or not access & PUBLISHED or entry.get("category") == "config":
        return False
    return not access & SETTABLE or (specific and str(entry.get("name", name)) in _STATES)


def _quantity(entry: Mapping[str, Any], name: str, path: tuple[str, ...]) -> Quantity | str:
    point = _RENAMED.get(name) or point_name("_".join(path))
    if not point:
        return "no name for a point can be made of it"
    maker = {"binary": _binary, "numeric": _numeric, "enum": _enum}.get(str(entry.get("type")))
    if maker is None:
        return f"left out: {printable(entry.get('type'))} is no quantity"
    return maker(entry, name, point, path)


def _binary(entry: Mapping[str, Any], name: str, point: str, path: tuple[str, ...]) -> Quantity | str:
    on, off = entry.get("value_on"), entry.get("value_off")
    if not all(isinstance(value, bool | str | int) for value in (on, off)) or on == off:
        return "left out: it does not say what on and off are"
    if name == "contact" and (on is True or str(on).casefold() in _CLOSED):
        # A contact that is closed is a cover that is not open, whichever of both its maker calls on.
        on, off = off, on
    document = {"name": name_of(point, _label(entry)), "kind": "state", "values": boolean_values(point)}
    if on is True and off is False:
        steps: dict[str, Any] = {}
    elif on is False and off is True:
        steps = {"invert": True}
    else:
        steps = {"enum": {_key(on): True, _key(off): False}}
    return Quantity(point, name, path, document, steps, ((on, True), (off, False)))


def _key(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _numeric(entry: Mapping[str, Any], name: str, point: str, path: tuple[str, ...]) -> Quantity | str:
    found = str(entry.get("unit") or "").strip()
    known = ("V", 0.001, 0) if found == "mV" else ucum(found)
    if known is None:
        return f"left out: the unit {printable(found, 16)} is not known"
    unit, scale, offset = known
    low, high = entry.get("value_min"), entry.get("value_max")
    if name == "linkquality":
        limits: list[float] = [0, 255]
    elif isinstance(low, int | float) and isinstance(high, int | float) and _are_limits(low, high, offset):
        limits = [_number(low * scale), _number(high * scale)]
    else:
        limits = range_of(unit)
    steps: dict[str, Any] = {}
    if scale != 1:
        steps["scale"] = scale
    if offset:
        steps["offset"] = offset
    raws = [round((share * (limits[1] - limits[0]) + limits[0] - offset) / scale) for share in (0.75, 0.25)]
    pairs = tuple((raw, _number(raw * scale + offset)) for raw in raws)
    document = {"name": name_of(point, _label(entry)), "kind": "measure", "unit": unit, "range": limits}
    return Quantity(point, name, path, document, steps, pairs)


def _are_limits(low: float, high: float, offset: float) -> bool:
    return -_LARGEST < low < high < _LARGEST and not offset


def _number(value: float) -> float | int:
    rounded = round(value, 9)
    return int(rounded) if float(rounded).is_integer() else rounded


def _enum(entry: Mapping[str, Any], name: str, point: str, path: tuple[str, ...]) -> Quantity | str:
    found = entry.get("values")
    values = [printable(value) for value in found] if isinstance(found, list) else []
    values = [value for value in dict.fromkeys(values) if value]
    if not values or len(values) > MOST_VALUES or set(values) <= {"true", "false"}:
        return "left out: it does not say what its values are"
    # Everything but `action` is cached and repeated with each message, so only that is an event.
    event = name == "action" or name.startswith("action_")
    document = {
        "name": name_of(point, _label(entry)),
        "kind": "event" if event else "state",
        "values": value_names(values),
    }
    return Quantity(point, name, path, document, {}, ((values[-1], values[-1]), (values[0], values[0])))


def _label(entry: Mapping[str, Any]) -> str:
    return printable(entry.get("label") or "")
