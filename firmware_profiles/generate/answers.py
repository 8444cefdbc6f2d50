"""What `sunwell profile new` asks, as a document, and the profile that the answers make.

The same answers may be asked for one by one or stand in a YAML file; they are checked the same way.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from firmware_profiles.documents import validated
from firmware_profiles.generate import assembling
from firmware_profiles.generate.draft import Draft, NotUsableError, drafted, slug
from firmware_profiles.generate.payload_examples import example_of
from firmware_profiles.generate.rule_menu import MENU
from firmware_profiles.generate.spoken_units import ucum
from firmware_profiles.generate.words import text
from firmware_profiles.generate.written_fields import Carrier, WrittenField
from firmware_profiles.layouts import Kind, WordOrder
from firmware_profiles.problems import Problem, ProfileErrors, meant
from firmware_profiles.schema import Family, PointName
from firmware_profiles.values import Duration, Model, Number, Scalar, Text, duration_text
from firmware_profiles.yaml12 import Parsed


class AnsweredPoint(Model):
    """A point and where it stands: `path` in JSON, `at` a byte or a register."""

    name: Text | None = None
    kind: Literal["measure", "state", "event"] = "measure"
    unit: str = ""
    range: Annotated[tuple[Number, Number], Field(strict=False)] | None = None
    values: dict[str, str] = Field(default_factory=dict)
    path: Annotated[str, Field(pattern=r"^[^.\[\]]+(\.[^.\[\]]+)*$")] | None = None
    at: Annotated[int, Field(ge=0, le=65_535)] | None = None
    type: Kind | None = None
    order: WordOrder | None = None
    fc: Literal[1, 2, 3, 4] = 3
    bit: Annotated[int, Field(ge=0, le=63)] | None = None
    scale: Number = 1
    offset: Number = 0

    @model_validator(mode="after")
    def _known_unit(self) -> "AnsweredPoint":
        if self.kind == "measure" and ucum(self.unit) is None:
            raise ValueError(f"the unit is not known, see docs/profiles.md, got {self.unit!r}")
        return self


class AnsweredRule(Model):
    """A rule of the menu: the point that it looks at, and its limit, values or change."""

    point: str
    above: Number | None = None
    below: Number | None = None
    clear: Number | None = None
    values: Annotated[tuple[Scalar, ...], Field(strict=False)] = ()
    change: Number | None = None
    within: Duration | None = None
    for_: Annotated[Duration, Field(alias="for")] = 0
    source: str


class AnsweredHeartbeat(Model):
    """How often the device speaks, and after what silence it counts as silent."""

    every: Duration
    silent_after: Duration
    source: str = "as the person who wrote this file says"


class AnsweredPayload(Model):
    """A payload of the real device, as people paste it."""

    name: str
    payload: str
    port: int | None = None


class Answers(Model):
    """All that is asked. `payload` is how a device behind plain MQTT or HTTP writes; `port` is LoRaWAN's."""

    vendor: str
    model: str
    family: Family
    transport: Literal["zigbee2mqtt", "lorawan", "mqtt", "modbus", "http"]
    name: Text | None = None
    payload: Literal["json", "bytes"] = "json"
    port: int | None = None
    sources: Annotated[tuple[str, ...], Field(strict=False)] = ()
    points: Annotated[dict[PointName, AnsweredPoint], Field(min_length=1)]
    rules: dict[PointName, AnsweredRule] = Field(default_factory=dict)
    heartbeat: AnsweredHeartbeat
    battery: dict[str, Any] = Field(default_factory=lambda: {"kind": "unknown"})
    payloads: Annotated[tuple[AnsweredPayload, ...], Field(strict=False)] = ()

    @property
    def carrier(self) -> Carrier:
        """What the payloads are."""
        if self.transport == "modbus":
            return "registers"
        return (
            "bytes"
            if self.transport == "lorawan"
            else "json"
            if self.transport == "zigbee2mqtt"
            else self.payload
        )


def checked_answers(parsed: Parsed, file: str) -> Answers:
    """The answers of a YAML file. Raises ProfileErrors with all mistakes and their places."""
    answers = validated(Answers, parsed, file)
    problems = [Problem(file, path, what, *parsed.mark(path)) for path, what in _findings(answers)]
    if problems:
        raise ProfileErrors(problems)
    return answers


def _findings(answers: Answers) -> list[tuple[tuple[str | int, ...], str]]:
    """What the answers' parts say of one another."""
    found: list[tuple[tuple[str | int, ...], str]] = []
    place = "path" if answers.carrier == "json" else "at"
    for name, point in answers.points.items():
        if getattr(point, place) is None:
            found.append((("points", name), f"{place} is missing: where the value stands"))
    for key, rule in answers.rules.items():
        if key not in MENU:
            found.append(
                (("rules", key), f"is no rule of the menu{meant(key, MENU)}; known: {', '.join(MENU)}")
            )
        if rule.point not in answers.points:
            found.append((("rules", key, "point"), f"is no point{meant(rule.point, answers.points)}"))
    return found


def profile_of_answers(answers: Answers) -> Draft:
    """The profile that the answers make. Raises NotUsableError with all that is wrong with it."""
    carrier = answers.carrier
    fields = [_field(name, point, carrier) for name, point in answers.points.items()]
    name = answers.name or Text(
        zh=f"{answers.vendor} {answers.model}", en=f"{answers.vendor} {answers.model}"
    )
    every = duration_text(answers.heartbeat.every)
    rules = {
        key: MENU[key].document(_when(rule, answers), rule.source) for key, rule in answers.rules.items()
    }
    document: dict[str, Any] = {
        "id": slug(answers.vendor, answers.model),
        "schema": 1,
        "family": answers.family,
        "vendor": answers.vendor,
        "model": answers.model,
        "name": text(name.zh, name.en),
        "transport": answers.transport,
        "verified": "computed",
        "sources": list(answers.sources) or ["the answers of the person who wrote this file"],
        "points": assembling.points(fields),
        "decode": assembling.decode_part(fields, carrier, port=answers.port, every=every),
        **({"rules": rules} if rules else {}),
        "heartbeat": assembling.heartbeat(
            every, duration_text(answers.heartbeat.silent_after), answers.heartbeat.source
        ),
        "battery": dict(answers.battery),
        "commissioning": _commissioning(answers, rules),
        "examples": assembling.examples(fields, carrier, port=answers.port),
    }
    draft = drafted(document, () if rules else ("no rule was named: nothing will raise an alarm",))
    if not answers.payloads:
        return draft
    real = [
        example_of(
            draft.profile, item.name, item.payload, item.port if item.port is not None else answers.port
        )
        for item in answers.payloads
    ]
    return drafted({**document, "examples": [*real, *document["examples"]]}, draft.notes)


def _field(name: str, point: AnsweredPoint, carrier: Carrier) -> WrittenField:
    unit, scale, offset = ucum(point.unit) or ("1", 1, 0)
    values = point.values
    return WrittenField(
        point=name,
        kind=point.kind,
        zh=point.name.zh if point.name else "",
        en=point.name.en if point.name else "",
        unit=unit,
        limits=point.range,
        values=dict(values),
        path=point.path or "",
        at=point.at or 0,
        type=point.type or ("u8" if carrier == "bytes" else "u16"),
        order=point.order,
        fc=point.fc,
        bit=point.bit,
        scale=point.scale * scale,
        offset=point.offset * scale + offset,
    )


def _when(rule: AnsweredRule, answers: Answers) -> Mapping[str, Any]:
    point = answers.points[rule.point]
    when: dict[str, Any] = {"kind": "threshold", "point": rule.point}
    if point.kind == "measure" and rule.change is not None:
        return {
            **when,
            "kind": "rate",
            "change": rule.change,
            "within": duration_text(rule.within or 600_000),
        }
    if point.kind == "measure":
        limits = {side: getattr(rule, side) for side in ("above", "below", "clear")}
        when |= {side: limit for side, limit in limits.items() if limit is not None}
        return when | ({"for": duration_text(rule.for_)} if rule.for_ else {})
    values = list(rule.values) or ([] if point.values else [True])
    if point.kind == "event":
        return {**when, "kind": "event", "values": values or list(point.values.values())}
    if not values:
        raise NotUsableError(
            f"{rule.point}: the rule needs the values that it is about: {', '.join(point.values.values())}"
        )
    return {**when, "kind": "state", "values": values} | (
        {"for": duration_text(rule.for_)} if rule.for_ else {}
    )


def _commissioning(answers: Answers, rules: Mapping[str, Any]) -> dict[str, Any]:
    for key, rule in rules.items():
        name = text(f"触发一次：{MENU[key].name[0]}", f"Trigger it once: {MENU[key].name[1]}")
        values = rule["when"].get("values")
        return {"name": name, "point": rule["when"]["point"], **({"values": values} if values else {})}
    return {"name": text("让设备发一次数据", "Let it report once"), "point": next(iter(answers.points))}
