"""Makes a profile of the entities that Home Assistant's discovery describes on one state topic.

Rules: an entity whose words cannot be read for certain is left out and named, never guessed. What is left out
waits for a person, who can write a profile by hand.

Theory of operation. A message is wrapped as {"value": text, "value_json": document} (see
`edge.core.envelopes.open_home_assistant`), so a template is just a path in it. Entities are turned into what
Zigbee2MQTT would expose of them, so that both ways in share one generator, and get their paths afterwards.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from edge.core.found import FoundDevice, finished, plain
from edge.core.home_assistant_words import BINARY_CLASSES, CALL_WORDS, SENSOR_CLASSES
from edge.core.templates import Template, TemplateError, parse_template
from firmware_profiles import ProfileErrors, parse_profile, run_examples
from firmware_profiles.generate.draft import NotUsableError, point_name
from firmware_profiles.generate.zigbee import profile_of_definition

READ_COMPONENTS: Final = frozenset({"sensor", "binary_sensor", "event", "device_automation"})
"""What measures or reports. Everything else is there to be switched."""
MOST_ENTITIES: Final = 60
MOST_VALUES: Final = 40
LONGEST_SHOWN: Final = 100
"""Of a template that a person has to judge."""
_SIGNS: Final = {">": "above", ">=": "at_least", "<": "below", "<=": "at_most"}
_OPPOSITE: Final = {">": "<=", "<=": ">", "<": ">=", ">=": "<"}
_TRUTHS: Final = {"true": ("true", "True"), "false": ("false", "False")}


class UnreadableError(ValueError):
    """The entity cannot be read for certain. The text says why, for the person who decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One configuration, abbreviations and `~` resolved. `topic` is where its state comes."""

    name: str
    component: str
    topic: str
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """An entity as an expose, with its path in the wrapped message and steps that replace the expose's; with
    a `comparison`, what the number at the path is compared with makes the value."""

    expose: dict[str, Any]
    path: tuple[str | int, ...]
    steps: dict[str, Any] | None = None
    comparison: dict[str, float] | None = None
    momentary: bool = False
    raws: tuple[Any, Any] | None = None


def profiled(device: FoundDevice, entities: Sequence[Entity], problem: str | None) -> FoundDevice:
    """The device with the profile of its entities, or the reason why there is none."""
    if problem is not None:
        return replace(device, reason=problem)
    parts: dict[str, _Part] = {}
    notes = [f"more than {MOST_ENTITIES} entities"] if len(entities) > MOST_ENTITIES else []
    for entity in entities[:MOST_ENTITIES]:
        try:
            for part in _parts(entity, parts):
                parts[part.expose["property"]] = part
        except (UnreadableError, TemplateError) as error:
            template = plain(entity.config.get("value_template"), LONGEST_SHOWN)
            notes.append(f"{entity.name}: {error}" + (f" ({template})" if template else ""))
    note = plain("; ".join(notes), 500)
    if not parts:
        return replace(device, reason=note or "no sensor among its entities")
    vendor, model = device.vendor or "unknown", device.model or plain(device.name, 40) or "unknown"
    definition = {
        "vendor": vendor,
        "model": model,
        "exposes": [part.expose for part in parts.values()],
    }
    try:
        document = _placed(profile_of_definition(definition, mains=False).document, parts)
        parse_profile(document)
    except (NotUsableError, ProfileErrors) as error:
        return replace(device, reason=plain(str(error), 300))
    return replace(device, profile=document["id"], document=document, note=note)


def _parts(entity: Entity, parts: Mapping[str, _Part]) -> Iterator[_Part]:
    template = entity.config.get("value_template")
    parsed = parse_template(template) if isinstance(template, str) else None
    if template is not None and parsed is None:
        raise UnreadableError("its template is no text")
    makers = {"sensor": _sensor, "binary_sensor": _binary, "event": _event, "device_automation": _trigger}
    yield makers[entity.component](entity, parsed, parts)


def _sensor(entity: Entity, template: Template | None, parts: Mapping[str, _Part]) -> _Part:
    if template is not None and template.comparison is not None:
        return _binary(entity, template, parts)
    options = entity.config.get("options")
    kind = entity.config.get("device_class")
    if isinstance(options, list) and options:
        values = [text for text in map(plain, options[:MOST_VALUES]) if text]
        name = _free(point_name(entity.name), parts)
        return _Part(expose=_expose(entity, "enum", name, values=values), path=_path(template))
    unit = plain(entity.config.get("unit_of_measurement"))
    numeric = unit or entity.config.get("state_class") or (template is not None and template.wants_number)
    if not numeric:
        raise UnreadableError("a sensor without unit and options: its words are not known")
    meaning = SENSOR_CLASSES.get(kind) if isinstance(kind, str) else None
    name = _free(meaning or point_name(entity.name), parts, point_name(entity.name))
    return _Part(expose=_expose(entity, "numeric", name, unit=unit), path=_path(template))


def _binary(entity: Entity, template: Template | None, parts: Mapping[str, _Part]) -> _Part:
    on, off = _word(entity.config.get("payload_on"), "ON"), _word(entity.config.get("payload_off"), "OFF")
    ordered = template is not None and template.comparison is not None and template.comparison[0] in _SIGNS
    comparison, steps = None, None
    if template is not None and ordered:
        comparison, raws = _compared(on, off, template)
    else:
        steps, raws = _binary_steps(on, off, template)
    kind = entity.config.get("device_class")
    meaning = BINARY_CLASSES.get(kind) if isinstance(kind, str) else None
    words = set(point_name(entity.name).split("_"))
    wanted = "sos" if words & CALL_WORDS else meaning.point if meaning else point_name(entity.name)
    name = _free("water_leak" if wanted == "leak" else wanted, parts, point_name(entity.name))
    return _Part(
        expose=_expose(entity, "binary", name, value_on="on", value_off="off"),
        path=_path(template),
        steps=steps,
        comparison=comparison,
        momentary=isinstance(entity.config.get("off_delay"), int | float),
        raws=raws,
    )


def _binary_steps(on: str, off: str, template: Template | None) -> tuple[dict[str, Any], tuple[Any, Any]]:
    if template is None or template.comparison is None:
        if on == off:
            raise UnreadableError("on and off are the same word")
        table = dict.fromkeys(_TRUTHS.get(on.lower(), (on,)), True)
        table |= dict.fromkeys(_TRUTHS.get(off.lower(), (off,)), False)
        return {"enum": table}, (on, off)
    operator, compared = template.comparison
    _want_truths(on, off)
    yes = (operator == "==") == (on.lower() == "true")
    word = str(compared).lower() if isinstance(compared, bool) else f"{compared}"
    if isinstance(compared, float) and compared.is_integer():
        word = str(int(compared))
    raws = (word, f"not {word}") if yes else (f"not {word}", word)
    return {"enum": {word: yes}, "otherwise": not yes}, raws


def _compared(on: str, off: str, template: Template) -> tuple[dict[str, float], tuple[float, float]]:
    """A comparison of numbers as `derive` has it, and a number for each of its answers."""
    assert template.comparison is not None
    operator, limit = template.comparison
    _want_truths(on, off)
    if isinstance(limit, bool | str):
        raise UnreadableError(f"a comparison with {operator} and {limit!r}, which is no number")
    if {"int", "round"} & set(template.filters):
        raise UnreadableError("a number that is rounded before it is compared")
    above = operator.startswith(">")
    raws = (limit + 1, limit - 1) if above else (limit - 1, limit + 1)
    if on.lower() == "true":
        return {_SIGNS[operator]: limit}, raws
    return {_SIGNS[_OPPOSITE[operator]]: limit}, raws[::-1]


def _want_truths(on: str, off: str) -> None:
    """A comparison says True or False; where other words are awaited, Home Assistant knows nothing either."""
    if {on.lower(), off.lower()} != {"true", "false"}:
        raise UnreadableError(f"a comparison says True or False, but {on!r} and {off!r} are awaited")


def _event(entity: Entity, template: Template | None, parts: Mapping[str, _Part]) -> _Part:
    if template is not None and template.path not in {("value",), ("value_json",)}:
        raise UnreadableError("an event whose type is taken from elsewhere than event_type")
    given = entity.config.get("event_types")
    values = [text for text in map(plain, given[:MOST_VALUES]) if text] if isinstance(given, list) else []
    if not values:
        raise UnreadableError("an event without event_types")
    name = _free("action", parts, f"action_{point_name(entity.name)}")
    return _Part(expose=_expose(entity, "enum", name, values=values), path=("value_json", "event_type"))


def _trigger(entity: Entity, template: Template | None, parts: Mapping[str, _Part]) -> _Part:
    word = plain(entity.config.get("payload"))
    if entity.config.get("automation_type") != "trigger" or not word:
        raise UnreadableError("a trigger without a payload: any message would be one")
    path = _path(template)
    known = parts.get("action")
    if known is not None and known.path == path and len(known.expose["values"]) < MOST_VALUES:
        values = list(dict.fromkeys((*known.expose["values"], word)))
        return replace(known, expose={**known.expose, "values": values})
    name = _free("action", parts, f"action_{point_name(entity.name)}")
    return _Part(expose=_expose(entity, "enum", name, values=[word]), path=path)


def _path(template: Template | None) -> tuple[str | int, ...]:
    return ("value",) if template is None else template.path


def _word(given: object, usual: str) -> str:
    if given is None:
        return usual
    if isinstance(given, bool):
        return str(given)
    text = plain(given)
    if not text:
        raise UnreadableError("on or off is no text")
    return text


def _free(name: str, parts: Mapping[str, _Part], other: str = "") -> str:
    for wanted in (name, other):
        if wanted and wanted not in parts:
            return wanted
    raise UnreadableError("two entities of one name, or none that can be written")


def _expose(entity: Entity, kind: str, name: str, **more: Any) -> dict[str, Any]:
    label = plain(entity.config.get("name")) or entity.name
    return {"type": kind, "name": name, "property": name, "label": label, "access": 1, **more}


def _placed(document: Mapping[str, Any], parts: Mapping[str, _Part]) -> dict[str, Any]:
    """The generated document with Home Assistant's paths, steps and moments in place of Zigbee2MQTT's."""
    properties = {point: str(field["path"]) for point, field in document["decode"]["fields"].items()}
    points = {point: dict(one) for point, one in document["points"].items()}
    fields: dict[str, Any] = {}
    derive: dict[str, Any] = {}
    rules = {key: dict(rule) for key, rule in document.get("rules", {}).items()}
    for point, field in document["decode"]["fields"].items():
        part = parts[properties[point]]
        steps = part.steps if part.steps is not None else {k: v for k, v in field.items() if k != "path"}
        if part.comparison is None:
            fields[point] = {"path": list(part.path), **steps}
        else:
            fields[f"_{point}"] = {"path": list(part.path)}
            derive[point] = {"kind": "compare", "from": f"_{point}", **part.comparison}
        if part.momentary:
            # It falls back by itself and never says so: only its rising tells, and each time anew.
            points[point]["kind"] = "event"
            for rule in rules.values():
                if rule["when"]["point"] == point:
                    rule["when"] = {"kind": "event", "point": point, "values": rule["when"]["values"]}
    made = {
        **document,
        "transport": "home_assistant",
        "sources": ["Home Assistant's discovery message of the device"],
        "points": points,
        "decode": {"kind": "json", "fields": fields} | ({"derive": derive} if derive else {}),
        "rules": rules,
        "examples": _examples(document, parts, properties),
    }
    made = finished(made, properties)
    try:
        broken = run_examples(parse_profile(made), made["id"])
    except ProfileErrors:
        return made
    # Entities that share one value can contradict each other's examples: the refusal is then left alone.
    return finished({**made, "examples": made["examples"][-1:]}, properties) if broken else made


def _examples(
    document: Mapping[str, Any], parts: Mapping[str, _Part], properties: Mapping[str, str]
) -> list[dict[str, Any]]:
    examples: list[dict[str, Any]] = []
    for number, example in enumerate(document["examples"][:2]):
        message: dict[str, Any] = {}
        for point in example.get("points", {}):
            part = parts[properties[point]]
            raw = example["input"]["json"].get(properties[point]) if part.raws is None else part.raws[number]
            _put(message, part.path, raw)
        examples.append({**example, "input": {"json": message}})
    return [*examples, {"name": "no document", "input": {"json": []}, "refusal": "not_an_object"}]


def _put(message: Any, path: tuple[str | int, ...], raw: object) -> None:
    for step, following in zip(path, (*path[1:], None), strict=True):
        below: Any = raw if following is None else [] if isinstance(following, int) else {}
        if isinstance(step, int):
            if not isinstance(message, list):
                return
            message.extend([None] * (step + 1 - len(message)) if step < 64 else [])
            if step >= len(message):
                return
            if message[step] is None or following is None:
                message[step] = below
            message = message[step]
        elif isinstance(message, dict):
            message = message.setdefault(step, below)
        else:
            return
