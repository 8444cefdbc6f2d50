"""What of a gateway may leave the house in a support bundle: chosen by what is known to be harmless.

Rules: numbers and truth values stay; texts stay only where our own program chose them from its own words.
Devices and positions become "device 1", "position 1": their ids may be a name or an address. Of free text,
which may quote anybody, only what our own parts say stays, and of that only words of our own vocabulary.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, get_args

import msgspec

from gateway import wire
from gateway.core.vocabulary import WORDS
from gateway.rules.model import Severity

OUR_PARTS: Final = frozenset(
    {"alarm lane", "commands", "desired", "gateway", "lane", "mqtt", "modbus", "http", "outputs", "uplink"}
)
"""Sources of troubles that are ours: what they say is told on, cleaned."""
LEFT_OUT: Final = "<left out>"
GAP: Final = "…"
"""Stands for what was left out of a text."""
_WORD: Final = re.compile(r"^[a-z][a-z0-9_-]{0,40}$")
_PIECE: Final = re.compile(r"<(?:address of )?(?:device|position) \d+>|[A-Za-z_]+|[ .,:;()/']|.", re.DOTALL)
_PLACE: Final = re.compile(r"<(?:address of )?(?:device|position) \d+>")
_ERROR_NAME: Final = re.compile(r"^[A-Z][a-zA-Z]{0,30}(?:Error|Exception|Group|Exit)$")
_GAPS: Final = re.compile(rf"{GAP}(?:[ .,:;()/']*{GAP})+")
_TIME: Final = re.compile(r"^\d{4}-\d\d-\d\dT[0-9:.]+Z$")
_OWN_WORDS: Final = {
    "change": frozenset({"occurred", "cleared"}),
    "driver": frozenset({"mqtt", "modbus", "http"}),
    "level": frozenset({"debug", "info", "warning", "error", "critical"}),
    "severity": frozenset(Severity),
    "name": frozenset(get_args(wire.CommandName)),
}
"""Texts of log lines that are one of a few words of the program."""
_FRAME: Final = re.compile(r'^\s*File "(?:.*/)?([\w.-]+/[\w.-]+\.py)", line (\d+), in (\w+)', re.MULTILINE)
_ERROR: Final = re.compile(r"^([A-Z][\w.]*(?:Error|Exception|Group|Exit))\b", re.MULTILINE)


class Names:
    """Stands "device 1" and "position 1" in the place of a document's own ids."""

    def __init__(self, message: wire.DesiredMessage | None) -> None:
        devices = () if message is None else message.devices
        self.devices = {device.id: f"device {n}" for n, device in enumerate(devices, 1)}
        places = dict.fromkeys(device.position for device in devices)
        self.positions = {place: f"position {n}" for n, place in enumerate(places, 1)}
        words = self.positions | self.devices
        for device in devices:
            texts = (text for text in device.address.values() if isinstance(text, str))
            words |= dict.fromkeys(texts, f"address of {self.devices[device.id]}")
        self.rules = frozenset(() if message is None else (rule.id for rule in message.rules))
        self._words = sorted(words.items(), key=lambda pair: -len(pair[0]))

    def source(self, text: str) -> str:
        """A trouble's source: one of ours, or which of the document's devices."""
        if text in OUR_PARTS:
            return text
        return self.devices.get(text) or self.positions.get(text) or "another source"

    def cleaned(self, text: str) -> str:
        """A text of our own parts without anything that it may quote."""
        for word, instead in self._words:
            text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", f"<{instead}>", text)
        return _GAPS.sub(GAP, "".join(_allowed(piece) for piece in _PIECE.findall(text)))


def _allowed(piece: str) -> str:
    if piece.isascii() and piece.replace("_", "").isalpha():
        return piece if piece.casefold() in WORDS or _ERROR_NAME.match(piece) else GAP
    return piece if piece in " .,:;()/'" or _PLACE.match(piece) else GAP


def state(message: wire.StateMessage, names: Names) -> dict[str, Any]:
    """What the gateway says of itself: versions, health, lanes, drivers."""
    told: dict[str, Any] = {
        "software": message.software,
        "applied": message.applied,
        "refused": message.refused,
        "reason": None if message.reason is None else names.cleaned(message.reason),
    }
    if message.health is not None:
        health = msgspec.to_builtins(message.health)
        health.pop("troubles")
        for driver in health["drivers"]:
            error = driver.pop("last_error")
            driver["last_error"] = None if error is None else LEFT_OUT
        told["health"] = health
    return told


def troubles(found: Iterable[wire.Trouble], names: Names) -> list[dict[str, Any]]:
    """Troubles with the words of our own parts; of others their reason and number."""
    return [
        {
            "source": names.source(one.source),
            "reason": one.reason,
            "detail": names.cleaned(one.detail) if one.source in OUR_PARTS else LEFT_OUT,
            "count": one.count,
            "last_ms": one.last_ms,
        }
        for one in found
    ]


def document(message: wire.DesiredMessage, names: Names) -> dict[str, Any]:
    """The desired state: which devices by profile and driver, which rules, no names and no addresses."""
    return {
        "version": message.version,
        "frame_ms": message.frame_ms,
        "health_ms": message.health_ms,
        "profiles": sorted(message.profiles),
        "devices": [
            {
                "device": names.devices[device.id],
                "position": names.positions[device.position],
                "profile": device.profile,
                "driver": device.driver,
                "address": {
                    key: LEFT_OUT if isinstance(value, str) else value
                    for key, value in device.address.items()
                },
                "parameters": device.parameters,
            }
            for device in message.devices
        ],
        "rules": [
            {
                "rule": rule.id,
                "position": names.positions.get(rule.position, LEFT_OUT),
                "severity": rule.severity,
                "task_kind": rule.task_kind,
                "when": msgspec.to_builtins(rule.when),
            }
            for rule in message.rules
        ],
    }


def log_line(line: str, names: Names) -> dict[str, Any] | None:
    """A line of the log, as far as it may be told; None if it is none of our own lines."""
    try:
        event = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError):
        return None
    if not isinstance(event.get("event"), str):
        return None
    tell = _TELLERS if event.get("source") in OUR_PARTS else _TELLERS | _OTHERS
    return {
        key: value
        if value is None or isinstance(value, bool | int | float)
        else tell.get(key, _nothing)(names, value)
        if isinstance(value, str)
        else LEFT_OUT
        for key, value in event.items()
        if _WORD.match(key)
    }


def _nothing(_names: Names, _text: str) -> str:
    return LEFT_OUT


def _own(key: str) -> Callable[[Names, str], str]:
    return lambda _names, text: text if text in _OWN_WORDS[key] else LEFT_OUT


def _rule(names: Names, text: str) -> str:
    return text if text in names.rules else LEFT_OUT


def _when(_names: Names, text: str) -> str:
    return text if _TIME.match(text) else LEFT_OUT


def _kind_of_error(_names: Names, text: str) -> str:
    """An error's kind, not what it quotes."""
    return found[1] if (found := _ERROR.match(text)) else LEFT_OUT


def _trace(_names: Names, text: str) -> str:
    """Where an error came from, without what it said."""
    frames = [f"{file}:{line} {function}" for file, line, function in _FRAME.findall(text)]
    return "; ".join([*frames, *dict.fromkeys(_ERROR.findall(text))])


_TELLERS: Final[dict[str, Callable[[Names, str], str]]] = {
    "event": Names.cleaned,
    "timestamp": _when,
    "source": Names.source,
    "device": Names.source,
    "position": Names.source,
    "reason": Names.cleaned,
    "detail": Names.cleaned,
    "part": Names.cleaned,
    "parts": Names.cleaned,
    "outputs": Names.cleaned,
    "exception": _trace,
    "rule": _rule,
} | {key: _own(key) for key in _OWN_WORDS}
"""What of a text stays, by its key in a line of the log."""
_OTHERS: Final[dict[str, Callable[[Names, str], str]]] = {
    "reason": _kind_of_error,
    "error": _kind_of_error,
    "detail": _nothing,
}
"""The same, where the line is about something that is not one of our parts."""


def settings(told: Mapping[str, Any], harmless: Iterable[str]) -> dict[str, Any]:
    """Settings by dotted name: numbers and truth values, whether a text is set, and the `harmless` texts."""
    kept = frozenset(harmless)
    return {name: _setting(name, value, kept) for name, value in _flat(told)}


def _setting(name: str, value: Any, harmless: frozenset[str]) -> Any:
    if value is None or isinstance(value, bool | int | float) or name in harmless:
        return value
    return f"{LEFT_OUT}: {len(value)}" if isinstance(value, list | dict) else LEFT_OUT


def _flat(told: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in told.items():
        if isinstance(value, Mapping) and name not in ("sources", "patterns"):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value
