"""Parts of a profile as short texts that read the same in both languages. Pure."""

import json
from collections.abc import Iterable
from typing import Any

from firmware_profiles import FieldStep, MessagePayload, Payload, Point, Profile, RuleTemplate
from firmware_profiles.rules import (
    EventWhen,
    Limit,
    ParameterLimit,
    RateWhen,
    SilenceWhen,
    StateWhen,
    ThresholdWhen,
)
from firmware_profiles.schema import ExampleInput, Firmware
from firmware_profiles.values import Scalar, duration_text
from server.web.formats import number, unit


def condition(profile: Profile, rule: RuleTemplate) -> str:
    """When the rule is true: `water_level > 2500 mm, 1m; clear 2300 mm`."""
    when = rule.when
    if isinstance(when, SilenceWhen):
        modes = (f"{when.by} = {_listed(mode.values)}: {duration_text(mode.after)}" for mode in when.modes)
        return "; ".join((f"∅ {duration_text(when.after)}", *modes))
    if isinstance(when, RateWhen):
        change = f"{number(when.change)} {_unit(profile, when.point)}".rstrip()
        return f"Δ {when.point} ≥ {change} / {duration_text(when.within)}"
    if isinstance(when, EventWhen):
        return f"{when.point}{' = ' if when.values else ''}{_values(when)}"
    lasting = f", {duration_text(when.for_)}" if when.for_ else ""
    if isinstance(when, StateWhen):
        return f"{when.point} = {_values(when)}{lasting}"
    return _threshold(profile, when, lasting)


def _threshold(profile: Profile, when: ThresholdWhen, lasting: str) -> str:
    limit = when.above if when.above is not None else when.below
    sign = ">" if when.above is not None else "<"
    judged = when.point
    if when.around is not None:
        judged = f"|{when.point} − {_limit(profile, when.point, when.around)}|"
    text = f"{judged} {sign} {_limit(profile, when.point, limit)}{lasting}"
    back = "≤" if when.above is not None else "≥"
    return text if when.clear is None else f"{text}; ✓ {back} {_limit(profile, when.point, when.clear)}"


def _limit(profile: Profile, point: str, limit: Limit | None) -> str:
    if isinstance(limit, ParameterLimit):
        return limit.parameter if limit.times == 1 else f"{number(limit.times)} × {limit.parameter}"
    return f"{number(limit or 0)} {_unit(profile, point)}".rstrip()


def _unit(profile: Profile, point: str) -> str:
    return unit(profile.points[point].unit) if point in profile.points else ""


def _values(when: StateWhen | EventWhen) -> str:
    return _listed(when.values)


def _listed(values: Iterable[Scalar]) -> str:
    return " | ".join(str(value).lower() if isinstance(value, bool) else str(value) for value in values)


def firmware(range_: Firmware) -> str:
    """The versions: `1.2 – 2.0`, `≥ 1.2`, `≤ 2.0`; empty for all."""
    if range_.lowest and range_.highest:
        return f"{range_.lowest} – {range_.highest}"
    return f"≥ {range_.lowest}" if range_.lowest else f"≤ {range_.highest}" if range_.highest else ""


def payload_text(given: ExampleInput) -> str:
    """An example's payload as it may be pasted into the box."""
    if given.registers:
        return " ".join(f"{place}={','.join(map(str, words))}" for place, words in given.registers.items())
    if given.hex is not None:
        return given.hex
    if given.text is not None:
        return given.text
    return json.dumps(given.json_, ensure_ascii=False)


def raw(step: FieldStep, payload: Payload) -> str:
    """What stood there: the bytes with what they are, or the raw value."""
    if isinstance(step.at, str) or not isinstance(payload, MessagePayload):
        return value(step.raw)
    start, length = step.at
    return f"{payload.body[start : start + length].hex(' ').upper()} = {value(step.raw)}"


def place(step: FieldStep) -> str:
    """Where it stood: the path or address, or the bytes in brackets, counted from 0."""
    if isinstance(step.at, str):
        return step.at
    start, length = step.at
    return f"[{start}]" if length == 1 else f"[{start}–{start + length - 1}]"


def value(found: object) -> str:
    """A value, short enough for a table."""
    if found is None:
        return "–"
    if isinstance(found, bool):
        return "true" if found else "false"
    text = f"{found:.10g}" if isinstance(found, float) else str(found)
    return text if len(text) <= 120 else f"{text[:119]}…"


def word(point: Point, found: Any, language: str) -> str:
    """A point's value in words, where the profile has some."""
    key = value(found)
    if key in point.values:
        text = point.values[key]
        return text.zh if language == "zh" else text.en
    return key
