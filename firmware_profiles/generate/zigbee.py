"""A profile out of a Zigbee2MQTT definition: `vendor`, `model`, `description` and its `exposes`.

Every message repeats all cached values, so a binary or an enum is a state, and only `action` is an event.
`contact` is true while closed: the point `cover_open` is its opposite.
"""

from collections.abc import Mapping
from typing import Any, Final

from firmware_profiles.generate.draft import Draft, NotUsableError, drafted, printable, slug
from firmware_profiles.generate.exposes import Quantity, quantities
from firmware_profiles.generate.rule_menu import MENU
from firmware_profiles.generate.words import text

MOST_POINTS: Final = 100
_BINARY_RULES: Final = {
    "sos": "sos",
    "fall": "fall",
    "leak": "leak",
    "cover_open": "cover_open",
    "gas": "gas",
    "carbon_monoxide": "gas_co",
    "smoke": "fire",
    "tamper": "tamper",
}
_CALLS: Final = frozenset({"emergency", "sos", "panic", "alarm"})
_NO_PRESS: Final = frozenset({"off", "release", "none"})
_MOVED: Final = frozenset({"tilt", "drop", "fall"})
_FALLEN: Final = frozenset({"fall", "falling", "fallen", "fall_alarm"})
_MAYBE_FALLEN: Final = frozenset({"maybe_fall", "fall_warning"})
_FALL_PROPERTIES: Final = frozenset({"status", "fall_status", "fall_down_status", "fall"})
_WELL: Final = frozenset(
    {
        "leak", "cover_open", "gas", "carbon_monoxide", "smoke", "vibration",
        "liquid_state", "liquid_depth", "liquid_level_percent",
    }
)  # fmt: skip
_FAMILY_NAMES: Final = {
    "fall": ("人体与跌倒传感器", "presence and fall sensor"),
    "button": ("无线按钮", "wireless button"),
    "well": ("安全传感器", "safety sensor"),
    "temperature": ("温度传感器", "temperature sensor"),
}


def profile_of_definition(definition: Mapping[str, Any], *, mains: bool | None = None) -> Draft:
    """The profile of a definition. `mains` as the device tells its power source; without, a device that
    exposes no battery is on mains. Raises NotUsableError where nothing of it can be read."""
    vendor, model = printable(definition.get("vendor") or ""), printable(definition.get("model") or "")
    if not vendor or not model:
        raise NotUsableError("the definition has no vendor and model: the device is not supported")
    notes: list[str] = []
    found: dict[str, Quantity] = {}
    for item in quantities(definition.get("exposes"), notes):
        renamed = _voltage_of_battery(item, definition)
        if renamed.point in found:
            notes.append(f"{item.source}: left out: there is a point {renamed.point!r} already")
        elif len(found) == MOST_POINTS:
            notes.append(f"{item.source}: left out: more than {MOST_POINTS} quantities")
        else:
            found[renamed.point] = renamed
    if not found:
        raise NotUsableError(f"{vendor} {model}: exposes nothing that is a quantity")
    family = _family(found)
    battery = _battery(found, mains=mains)
    zh, en = _FAMILY_NAMES[family]
    description = printable(definition.get("description") or "") or en
    document: dict[str, Any] = {
        "id": slug(vendor, model),
        "schema": 1,
        "family": family,
        "vendor": vendor,
        "model": model,
        "name": text(f"{vendor} {model} {zh}", f"{vendor} {description}"),
        "transport": "zigbee2mqtt",
        "verified": "computed",
        "sources": [f"the Zigbee2MQTT definition of {vendor} {model}, its exposes"],
        "points": {name: item.document for name, item in found.items()},
        "decode": {
            "kind": "json",
            "fields": {name: item.field_document() for name, item in found.items()},
        },
    }
    rules = _rules(found, family)
    if rules:
        document["rules"] = rules
    else:
        notes.append("no rule follows from what it exposes: write those that it needs")
    document |= {"heartbeat": _heartbeat(on_mains=battery["kind"] == "mains"), "battery": battery}
    document |= _commissioning(found, rules)
    document["examples"] = _examples(found)
    return drafted(document, tuple(notes))


def _voltage_of_battery(item: Quantity, definition: Mapping[str, Any]) -> Quantity:
    exposes = definition.get("exposes")
    entries = exposes if isinstance(exposes, list) else []
    names = [entry.get("property") for entry in entries if isinstance(entry, Mapping)]
    if item.point != "voltage" or not ("battery" in names or "battery_low" in names):
        return item
    name = text("电池电压", "Battery voltage")
    document = {**item.document, "name": name, "range": [0, 5]}
    scale = item.steps.get("scale", 1)
    pairs = tuple((round(volts / scale), volts) for volts in (3, 2))
    return Quantity("battery_voltage", item.source, item.path, document, item.steps, pairs)


def _family(found: Mapping[str, Quantity]) -> str:
    """What it protects against first: an emergency call, a fall, a danger, then only numbers."""
    actions = {value for item in found.values() if item.kind == "event" for value in item.values}
    if "sos" in found or actions & _CALLS:
        return "button"
    if {"fall", "presence", "occupancy"} & set(found) or any(_is_fall(item) for item in found.values()):
        return "fall"
    if _WELL & set(found):
        return "well"
    if {"temperature", "humidity"} & set(found):
        return "temperature"
    return "button" if actions else "well"


def _is_fall(item: Quantity) -> bool:
    return item.source in _FALL_PROPERTIES and bool(_FALLEN & set(item.values))


def _battery(found: Mapping[str, Quantity], *, mains: bool | None) -> dict[str, Any]:
    source = "a low limit with a margin, since reported percentages jump"
    if "battery" in found and found["battery"].kind == "measure":
        return {"kind": "percent", "point": "battery", "low": 20, "clear": 40, "source": source}
    if "battery_low" in found and found["battery_low"].kind == "state":
        return {"kind": "flag", "point": "battery_low", "source": "the device's own limit"}
    return {"kind": "mains" if mains is not False else "unknown"}


def _heartbeat(*, on_mains: bool) -> dict[str, Any]:
    every, silent, source = (
        ("5m", "30m", "mains devices are pinged after 10 minutes; three times that is silence")
        if on_mains
        else ("24h", "25h", "zigbee2mqtt counts battery devices as offline after 25 h")
    )
    return {
        "default": "normal",
        "modes": {"normal": {"every": every, "silent_after": silent}},
        "source": source,
    }


def _rules(found: Mapping[str, Quantity], family: str) -> dict[str, Any]:
    rules: dict[str, Any] = {}

    def add(key: str, item: Quantity, values: list[Any]) -> None:
        when = {"kind": item.kind, "point": item.point, "values": values}
        shown = ", ".join(str(value).lower() if isinstance(value, bool) else value for value in values)
        rule = MENU[key].document(when, f"{item.point}: {shown}, from {item.source} of Zigbee2MQTT")
        rules[key if key not in rules else f"{key}_{item.point}"] = rule

    for item in found.values():
        if item.point in _BINARY_RULES and set(item.values) == {"true", "false"}:
            add(_BINARY_RULES[item.point], item, [True])
        elif item.kind == "event" and (moved := _actions(item, family)):
            add("sos" if family == "button" else "cover_open", item, moved)
        elif _is_fall(item):
            add("fall", item, [value for value in item.values if value in _FALLEN])
            maybe = [value for value in item.values if value in _MAYBE_FALLEN]
            if maybe:
                add("fall_suspected", item, maybe)
        elif item.point == "liquid_state" and "high" in item.values:
            add("water_high", item, ["high"])
    return rules


def _actions(item: Quantity, family: str) -> list[str]:
    """The events that stand for an alarm: a call, else any press of a button; a cover that is moved."""
    if family == "button":
        calls = [value for value in item.values if value in _CALLS]
        return calls or [value for value in item.values if value not in _NO_PRESS]
    return [value for value in item.values if value in _MOVED] if family == "well" else []


def _commissioning(found: Mapping[str, Quantity], rules: Mapping[str, Any]) -> dict[str, Any]:
    """The test is to make the gravest rule's condition true."""
    for key in MENU:
        if key in rules:
            when = rules[key]["when"]
            name = text(f"触发一次：{MENU[key].name[0]}", f"Trigger it once: {MENU[key].name[1]}")
            return {"commissioning": {"name": name, "point": when["point"], "values": when["values"]}}
    first = next(iter(found))
    return {"commissioning": {"name": text("让设备发一次数据", "Let it report once"), "point": first}}


def _examples(found: Mapping[str, Quantity]) -> list[dict[str, Any]]:
    examples: list[dict[str, Any]] = []
    for number, name in enumerate(("every value, alarms on", "every value, alarms off")):
        message: dict[str, Any] = {}
        points: dict[str, Any] = {}
        for item in found.values():
            raw, value = item.pairs[number]
            _put(message, item.path, raw)
            points[item.point] = value
        examples.append({"name": name, "input": {"json": message}, "points": points})
    examples.append(
        {"name": "another device", "input": {"json": {"sunwell_other": 1}}, "refusal": "no_values"}
    )
    return examples


def _put(message: dict[str, Any], path: tuple[str, ...], raw: object) -> None:
    for key in path[:-1]:
        below = message.setdefault(key, {})
        if not isinstance(below, dict):
            raise NotUsableError(f"{'.'.join(path)}: {key!r} is a value and an object at once")
        message = below
    message[path[-1]] = raw
