"""A device that speaks at the broker and that nobody may have registered yet, and the profile made for it."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from edge.driver import cut

Source = Literal["zigbee2mqtt", "home_assistant", "mqtt"]
MOST_DEVICES: Final = 500
"""From one source. A Zigbee network holds about 200; who invents more, fills no gateway's memory."""
LONGEST_TEXT: Final = 80
LONGEST_TOPIC: Final = 256
"""Characters; the server takes no longer one."""
SILENT_AFTER: Final = ("24h", "25h")
"""Zigbee2MQTT counts battery devices as offline after 25 h. A device that was never seen at work must not
raise a silence every half hour."""
_CALLS: Final = frozenset({"emergency", "sos", "panic"})
_CERTAIN: Final = frozenset({"leak", "gas", "gas_co", "fire"})
"""Rules that need nobody's judgement: the point says it itself, whatever the model."""

FALLS: Final[Mapping[tuple[str, str], tuple[str, frozenset[str], frozenset[str]]]] = {
    ("owon", "fds315"): ("status", frozenset({"falling"}), frozenset()),
    ("heiman", "hs2fd-ef1-3.0"): ("fall_status", frozenset({"fall_alarm"}), frozenset({"fall_warning"})),
    ("tuya", "mir-he200-ty"): ("fall_down_status", frozenset({"fall"}), frozenset({"maybe_fall"})),
}
"""Three radars spell a person's fall in three ways, and other models mean a fallen object by the same words:
(vendor, model) to the property, its values that are a fall, and those that may become one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDevice:
    """One device of one source.

    `id` names the hardware and outlives every change of name (Zigbee: the IEEE address). `topic` is where its
    values come now. `profile` is a known profile's id, or that of `document`, which was made for it.
    `reason` says why it cannot be used; `note` what of it was left out.
    """

    source: Source
    base: str
    id: str
    name: str
    topic: str
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    profile: str = ""
    document: Mapping[str, Any] | None = None
    reason: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """All that was found. `sources` ("zigbee2mqtt/<base>") names the sources that have been heard whole: what
    is not listed of one of these is gone. `left_out` counts what did not fit."""

    sources: tuple[str, ...] = ()
    devices: tuple[FoundDevice, ...] = ()
    left_out: int = 0


def plain(text: object, length: int = LONGEST_TEXT) -> str:
    """Text of a peer, one printable line, cut; empty for anything that is no text or number."""
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        return ""
    return cut(str(text)[: 4 * length].strip(), length)


def topic_problem(topic: str) -> str | None:
    """Why a device's topic can't be subscribed."""
    if not topic or len(topic) > LONGEST_TOPIC:
        return f"a topic of {len(topic)} characters"
    if topic.startswith("$") or any(mark in topic for mark in "+#\0"):
        return "a topic with +, # or $"
    return None


def generated_id(vendor: str, model: str, document: Mapping[str, Any]) -> str:
    """`generated-tuya-ts0601-1a2b3c4d`: names the content too, so that what was made from one device's
    words is never taken for another's."""
    words = re.sub(r"[^a-z0-9]+", "-", f"{vendor}-{model}".lower())[:40].strip("-")
    content = msgspec.json.encode({**document, "id": ""}, order="deterministic")
    return "-".join(filter(None, ("generated", words, hashlib.sha256(content).hexdigest()[:8])))


def certain_rules(document: Mapping[str, Any], properties: Mapping[str, str]) -> dict[str, Any]:
    """The document's rules that need nobody's judgement. `properties` names the source's word of each point.

    A fall counts for the models of `FALLS` only, a call where the device has a word for it.
    """
    vendor, model = str(document["vendor"]).casefold(), str(document["model"]).casefold()
    fall = FALLS.get((vendor, model))
    kept: dict[str, Any] = {}
    for key, rule in document.get("rules", {}).items():
        when = rule["when"]
        values = when.get("values", [])
        if key in _CERTAIN or (key == "sos" and values == [True]):
            kept[key] = rule
        elif key == "sos" and (calls := [value for value in values if value in _CALLS]):
            kept[key] = {**rule, "when": {**when, "values": calls}}
        elif fall is not None and properties.get(when["point"]) == fall[0]:
            wanted = fall[1] if key == "fall" else fall[2] if key == "fall_suspected" else frozenset()
            if meant := [value for value in values if value in wanted]:
                kept[key] = {**rule, "when": {**when, "values": meant}}
    return kept


def finished(document: Mapping[str, Any], properties: Mapping[str, str]) -> dict[str, Any]:
    """The generated document as it is offered: only certain rules, a patient silence, an id of its own."""
    every, silent_after = SILENT_AFTER
    made: dict[str, Any] = {
        **document,
        "verified": "computed",
        "rules": certain_rules(document, properties),
        "heartbeat": {
            "default": "normal",
            "modes": {"normal": {"every": every, "silent_after": silent_after}},
            "source": "no rhythm is known: once a day, as devices that sleep do; set it to the device",
        },
    }
    return {**made, "id": generated_id(str(document["vendor"]), str(document["model"]), made)}
