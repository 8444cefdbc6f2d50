"""Values that a person approved by hand: what no program could read for certain gets its place in a profile.

The document is that of a device of Home Assistant's discovery, or none where nothing of it could be read.
Each value is a path in its message and what stands there: a number with a unit, or two words.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from firmware_profiles.generate.draft import NotUsableError, point_name, printable
from firmware_profiles.generate.rule_menu import MENU
from firmware_profiles.generate.spoken_units import ucum
from firmware_profiles.generate.words import boolean_values, name_of, range_of, text

_PATH: Final = re.compile(
    r"value|value_json(\.[A-Za-z_]\w{0,63}|\[\d{1,3}\]|\[\"[^\"\\]{1,64}\"\])*", re.ASCII
)
_STEP: Final = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+)\]|\[\"([^\"]+)\"\]", re.ASCII)
_EVERY, _SILENT_AFTER = "24h", "25h"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedValue:
    """`path` is `value` or `value_json.a.b[0]["c"]`. With `on` it is a truth (an empty `off` is any other
    word), else a number in `unit`. `momentary` truths are events. `rule` is a key of the rule menu."""

    label: str
    path: str
    unit: str = ""
    on: str = ""
    off: str = ""
    momentary: bool = False
    rule: str = ""


def with_values(
    document: Mapping[str, Any] | None, vendor: str, model: str, values: Sequence[ApprovedValue]
) -> dict[str, Any]:
    """The document with the values in it, under an id of its own. Raises NotUsableError naming the value."""
    made = _bare(vendor, model) if document is None else msgspec.json.decode(msgspec.json.encode(document))
    for value in values:
        _add(made, value)
    words = re.sub(r"[^a-z0-9]+", "-", f"{vendor}-{model}".lower())[:40].strip("-")
    content = msgspec.json.encode({**made, "id": ""}, order="deterministic")
    made["id"] = "-".join(filter(None, ("generated", words, hashlib.sha256(content).hexdigest()[:8])))
    return dict(made)


def _add(made: dict[str, Any], value: ApprovedValue) -> None:
    label = printable(value.label)
    point = point_name(label)
    if not point:
        raise NotUsableError(f"{label!r}: a name with Latin letters is needed, for the point")
    if point in made["points"]:
        raise NotUsableError(f"{label}: there is a point {point!r} already")
    if not _PATH.fullmatch(value.path):
        raise NotUsableError(f'{label}: a path is value, or value_json.a.b[0]["c"], got {value.path[:60]!r}')
    path = _steps(value.path)
    if value.on:
        _add_truth(made, value, point, label, path)
    elif value.rule:
        raise NotUsableError(f"{label}: an alarm needs the word that stands for it")
    else:
        unit = ucum(value.unit)
        if unit is None:
            raise NotUsableError(f"{label}: the unit {value.unit[:20]!r} is not known")
        code, scale, offset = unit
        steps = {
            key: number
            for key, number, none in (("scale", scale, 1), ("offset", offset, 0))
            if number != none
        }
        made["points"][point] = {
            "name": name_of(point, label), "kind": "measure", "unit": code, "range": range_of(code),
        }  # fmt: skip
        made["decode"]["fields"][point] = {"path": path, **steps}
    # An example says all that a message says: those that the new value might be part of are not kept.
    made["examples"] = [one for one in made["examples"] if "refusal" in one]


def _add_truth(
    made: dict[str, Any], value: ApprovedValue, point: str, label: str, path: list[str | int]
) -> None:
    kind = "event" if value.momentary else "state"
    if value.on == value.off:
        raise NotUsableError(f"{label}: on and off are the same word")
    off: dict[str, Any] = {"enum": {value.off: False}} if value.off else {"otherwise": False}
    field = {"path": path, "enum": {value.on: True, **off.pop("enum", {})}, **off}
    made["points"][point] = {"name": name_of(point, label), "kind": kind, "values": boolean_values(point)}
    made["decode"]["fields"][point] = field
    if not value.rule:
        return
    rule = MENU.get(value.rule)
    if rule is None or kind not in rule.kinds:
        known = ", ".join(key for key, one in MENU.items() if kind in one.kinds)
        raise NotUsableError(f"{label}: the alarm of a {kind} is one of {known}, got {value.rule[:30]!r}")
    if value.rule in made.setdefault("rules", {}):
        raise NotUsableError(f"{label}: there is a rule {value.rule!r} already")
    when = {"kind": kind, "point": point, "values": [True]}
    made["rules"][value.rule] = rule.document(when, "approved by hand when the device was adopted")


def _steps(path: str) -> list[str | int]:
    root = "value_json" if path.startswith("value_json") else "value"
    found = _STEP.findall(path.removeprefix(root))
    return [root, *(int(index) if index else name or key for name, index, key in found)]


def _bare(vendor: str, model: str) -> dict[str, Any]:
    vendor, model = printable(vendor) or "unknown", printable(model) or "unknown"
    return {
        "id": "generated",
        "schema": 1,
        "family": "well",
        "vendor": vendor,
        "model": model,
        "name": text(f"{vendor} {model}", f"{vendor} {model}"),
        "transport": "home_assistant",
        "verified": "computed",
        "sources": ["values approved by hand when the device was adopted"],
        "points": {},
        "decode": {"kind": "json", "fields": {}},
        "heartbeat": {
            "default": "normal",
            "modes": {"normal": {"every": _EVERY, "silent_after": _SILENT_AFTER}},
            "source": "no rhythm is known: once a day, as devices that sleep do; set it to the device",
        },
        "examples": [{"name": "no document", "input": {"json": []}, "refusal": "not_an_object"}],
    }
