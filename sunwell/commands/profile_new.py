"""`sunwell profile new`: asks what a device is and writes its profile."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, get_args

import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.markup import escape

from firmware_profiles import ProfileErrors
from firmware_profiles.generate import NotUsableError
from firmware_profiles.generate.answers import Answers, checked_answers, profile_of_answers
from firmware_profiles.generate.draft import point_name
from firmware_profiles.generate.payload_examples import example_of
from firmware_profiles.generate.rule_menu import MENU
from firmware_profiles.generate.spoken_units import ucum
from firmware_profiles.generate.words import NAMES, RANGES, WIDEST
from firmware_profiles.layouts import Kind
from firmware_profiles.problems import meant
from firmware_profiles.schema import Family
from firmware_profiles.values import Duration
from firmware_profiles.yaml12 import Parsed, parse
from sunwell.commands.profile_import import write_profile

_console = Console(highlight=False)
_TRANSPORTS: Final = ("zigbee2mqtt", "lorawan", "mqtt", "modbus", "http")
_BATTERIES: Final = ("percent", "volts", "flag", "mains", "unknown")
_PLACES: Final = {
    "json": "path in the JSON (a.b)",
    "bytes": "first byte, from 0",
    "registers": "register, from 0",
}
COMMENTS: Final = {
    "id": "Written by `sunwell profile new`. docs/profiles.md explains every key.",
    "verified": "computed until somebody has seen the device: then say device.",
    "points": "range: a number outside it is delivered and marked bad.",
    "rules": "source says where the limit comes from.",
    "heartbeat": "Longer silence than silent_after raises the rule silent.",
    "battery": "Below low it raises the rule battery_low, over again past clear.",
    "commissioning": "What the installer does to test the device where it hangs.",
    "examples": "Run by `sunwell profile check`. Add payloads of the real device.",
}


def new(
    answers: Annotated[
        Path | None, typer.Option("--from", help="Answers in a YAML file instead of questions.")
    ] = None,
    to: Annotated[Path, typer.Option("--to", "-o", help="Folder for the file.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write the profile of a new device: asks, or takes the answers of a file."""
    try:
        given = _read(answers) if answers is not None else _ask()
        draft = profile_of_answers(given)
    except (ProfileErrors, NotUsableError) as error:
        _console.print(escape(str(error)), soft_wrap=True)
        raise typer.Exit(1) from error
    if not write_profile(draft, to / f"{draft.profile.id}.yaml", COMMENTS, force=force):
        raise typer.Exit(1)


def _read(path: Path) -> Answers:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise NotUsableError(f"{path}: cannot be read: {error}") from error
    return checked_answers(parse(text, path.as_posix()), path.as_posix())


def _ask() -> Answers:
    said: dict[str, Any] = {
        "vendor": _text("Vendor 厂商"),
        "model": _text("Model 型号"),
        "family": _choice("Family", get_args(Family)),
        "transport": _choice("Transport", _TRANSPORTS),
        "name": {"zh": _text("Name 中文名称"), "en": _text("Name in English")},
    }
    if said["transport"] in ("mqtt", "http"):
        said["payload"] = _choice("Payload", ("json", "bytes"))
    if said["transport"] == "lorawan":
        said["port"] = _number("LoRaWAN port", whole=True)
    said["sources"] = [_text("Where is its layout from (manual, page)")]
    said["points"] = _points(_carrier(said))
    said["rules"] = _rules(said["points"])
    every = _duration("It speaks (or is polled) every", "12h")
    said["heartbeat"] = {"every": every, "silent_after": _duration("It counts as silent after", "25h")}
    said["battery"] = _battery(said["points"])
    answers = _check(said)
    said["payloads"] = _payloads(answers, said.get("port"))
    return _check(said)


def _check(said: dict[str, Any]) -> Answers:
    parsed = Parsed()
    parsed.document = said
    return checked_answers(parsed, "answers")


def _carrier(said: dict[str, Any]) -> str:
    if said["transport"] in ("modbus", "lorawan"):
        return "registers" if said["transport"] == "modbus" else "bytes"
    return str(said.get("payload", "json"))


def _points(carrier: str) -> dict[str, Any]:
    points: dict[str, Any] = {}
    while True:
        asked = "Point (a quantity, such as water_level)" + ("; empty when done" if points else "")
        name = _text(asked, default="" if points else None)
        if not name:
            return points
        point = point_name(name)
        if not point or point in points:
            _console.print("a name with Latin letters that is not there yet")
            continue
        points[point] = _point(point, carrier)


def _point(name: str, carrier: str) -> dict[str, Any]:
    zh, en = NAMES.get(name, (name, name))
    point: dict[str, Any] = {
        "name": {"zh": _text("  name 中文", default=zh), "en": _text("  name in English", default=en)},
        "kind": _choice(
            "  kind", ("measure", "state") if carrier == "registers" else ("measure", "state", "event")
        ),
    }
    if point["kind"] == "measure":
        unit = _until("  unit (mm, Cel, %, V, …)", lambda text: text if ucum(text) else None, "no known unit")
        known = ucum(unit) or ("1", 1, 0)
        low, high = RANGES.get(known[0], WIDEST)
        point |= {"unit": unit, "range": [_number("  lowest value", low), _number("  highest value", high)]}
    else:
        asked = "  values, such as 0=closed,1=open" if carrier != "json" else "  values, such as open,closed"
        point["values"] = _values(_text(f"{asked}; empty for true and false", default=""))
    if carrier == "json":
        point["path"] = _text(f"  {_PLACES[carrier]}", default=name)
        return point
    point["at"] = _number(f"  {_PLACES[carrier]}", whole=True)
    if carrier == "registers":
        point["fc"] = int(_choice("  function", ("3", "4", "1", "2")))
    point["type"] = _choice("  type", get_args(Kind), "u8" if carrier == "bytes" else "u16")
    if point["kind"] == "measure":
        point["scale"] = _number("  scale", 1)
    elif not point["values"]:
        point["bit"] = _number("  bit, from 0", whole=True)
    return point


def _values(text: str) -> dict[str, str]:
    parts = [part.strip().partition("=") for part in text.split(",") if part.strip()]
    return {raw.strip(): (word or raw).strip() for raw, _, word in parts}


def _rules(points: dict[str, Any]) -> dict[str, Any]:
    _console.print("Rules: " + ", ".join(f"{key} ({rule.name[0]})" for key, rule in MENU.items()))
    rules: dict[str, Any] = {}
    while True:
        key = _text("Rule; empty when done", default="")
        if not key:
            return rules
        if key not in MENU:
            _console.print(escape(f"no such rule{meant(key, MENU)}"))
            continue
        usual = next((name for name in MENU[key].points if name in points), None)
        name = _choice("  looks at the point", tuple(points), usual)
        rules[key] = _rule(key, name, points[name])


def _rule(key: str, name: str, point: dict[str, Any]) -> dict[str, Any]:
    rule: dict[str, Any] = {"point": name}
    if point["kind"] == "measure" and MENU[key].kinds == ("rate",):
        rule |= {"change": _number("  change"), "within": _duration("  within", "10m")}
    elif point["kind"] == "measure":
        side = _choice("  alarm when", ("above", "below"))
        rule[side] = _number("  limit")
        rule["clear"] = _number("  over at (back past)")
    elif point["values"]:
        words = list(point["values"].values())
        asked = f"  alarm values out of {', '.join(words)}"
        found = _until(
            asked, lambda text: text if set(_values(text).values()) <= set(words) else None, "not among them"
        )
        rule["values"] = list(_values(found).values())
    rule["source"] = _text("  where this comes from", default="the device's own signal")
    return rule


def _battery(points: dict[str, Any]) -> dict[str, Any]:
    kind = _choice("Battery", _BATTERIES)
    if kind in ("mains", "unknown"):
        return {"kind": kind}
    battery: dict[str, Any] = {"kind": kind, "point": _choice("  its point", tuple(points), "battery")}
    if kind != "flag":
        battery |= {"low": _number("  low under", 20), "clear": _number("  good again over", 40)}
    return {**battery, "source": "a low limit with a margin"}


def _payloads(answers: Answers, port: int | None) -> list[dict[str, Any]]:
    """Payloads of the device, each shown with what it decodes to before it is kept."""
    profile = profile_of_answers(answers).profile
    kept: list[dict[str, Any]] = []
    while True:
        payload = _text(
            "A payload of the device (hex, JSON, fc:address=value,value); empty when done", default=""
        )
        if not payload:
            return kept
        try:
            example = example_of(profile, "payload", payload, port)
        except NotUsableError as error:
            _console.print(escape(str(error)), soft_wrap=True)
            continue
        shown = {key: value for key, value in example.items() if key not in ("name", "input")}
        _console.print(escape(f"  decodes to {shown}"), soft_wrap=True)
        if typer.confirm("  keep it as an example?", default="refusal" not in example):
            name = _text("  its name", default=f"payload {len(kept) + 1}")
            kept.append({"name": name, "payload": payload, **({} if port is None else {"port": port})})


def _text(asked: str, default: str | None = None) -> str:
    return str(typer.prompt(asked, default=default, show_default=bool(default))).strip()


def _until(asked: str, read: Callable[[str], Any], why_not: str, default: str | None = None) -> Any:
    """Asks until `read` makes something of the answer."""
    while True:
        text = _text(asked, default=default)
        found = read(text)
        if found is not None:
            return found
        _console.print(escape(f"{why_not}: {text[:60]!r}"), soft_wrap=True)


def _choice(asked: str, options: Sequence[str], default: str | None = None) -> str:
    default = default if default in options else options[0]
    words = f"{asked} ({', '.join(options)})"
    return str(_until(words, lambda text: text if text in options else None, "none of these", default))


def _number(asked: str, default: float | None = None, *, whole: bool = False) -> Any:
    def read(text: str) -> float | int | None:
        try:
            value = float(text)
        except ValueError:
            return None
        if not math.isfinite(value) or abs(value) > 1e12 or (whole and not value.is_integer()):
            return None
        return int(value) if value.is_integer() else value

    return _until(asked, read, "no number", None if default is None else f"{default:g}")


def _duration(asked: str, default: str) -> str:
    def read(text: str) -> str | None:
        try:
            TypeAdapter(Duration).validate_python(text)
        except ValidationError:
            return None
        return text

    return str(_until(f"{asked} (30s, 5m, 12h)", read, "no duration", default))
