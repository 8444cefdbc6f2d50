"""From written fields to the parts of a profile: points, decode, reads, examples."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from firmware_profiles.decode.numbers import SIZES
from firmware_profiles.generate.draft import NotUsableError
from firmware_profiles.generate.written_fields import Carrier, WrittenField, example_input

MOST_REGISTERS: Final = 125
MOST_BITS: Final = 2_000


def points(fields: Sequence[WrittenField]) -> dict[str, Any]:
    """The points as the profile writes them."""
    return {item.point: item.point_document() for item in fields}


def decode_part(
    fields: Sequence[WrittenField], carrier: Carrier, *, port: int | None = None, every: str = "10s"
) -> dict[str, Any]:
    """How the fields are read."""
    written = {item.point: item.field_document(carrier) for item in fields}
    if carrier == "json":
        return {"kind": "json", "fields": written}
    if carrier == "bytes":
        least = max(item.at + SIZES[item.type] for item in fields)
        match: dict[str, Any] = {"port": port} if port is not None else {}
        frame = {"match": {**match, "minimum": least}, "fields": written}
        return {"kind": "fixed", "frames": {"data": frame}}
    return {"kind": "registers", "reads": reads(fields, every), "fields": written}


def reads(fields: Sequence[WrittenField], every: str) -> list[dict[str, Any]]:
    """The requests that cover the fields: neighbours share one. The poller may join them further."""
    spans: list[list[int]] = []
    for item in sorted(fields, key=lambda item: (item.fc, item.at, item.registers)):
        most = MOST_BITS if item.fc <= 2 else MOST_REGISTERS
        end = item.at + item.registers
        last = spans[-1] if spans else None
        if last and last[0] == item.fc and item.at <= last[2] and end - last[1] <= most:
            last[2] = max(last[2], end)
        else:
            spans.append([item.fc, item.at, end])
    return [{"fc": fc, "address": start, "count": end - start, "every": every} for fc, start, end in spans]


def examples(
    fields: Sequence[WrittenField], carrier: Carrier, *, port: int | None = None
) -> list[dict[str, Any]]:
    """A high and a low value of everything, and a payload of another device."""
    made: list[dict[str, Any]] = []
    for name, share in (("high values", 0.75), ("low values", 0.25)):
        pairs = [item.example(carrier, share) for item in fields]
        given = example_input(fields, carrier, [raw for raw, _ in pairs])
        made.append(
            {"name": name, "input": _with_port(given, carrier, port), "points": _points(fields, pairs)}
        )
    return [*made, refusal(fields, carrier, port=port)]


def _points(fields: Sequence[WrittenField], pairs: Sequence[tuple[Any, Any]]) -> dict[str, Any]:
    return {item.point: value for item, (_, value) in zip(fields, pairs, strict=True)}


def refusal(fields: Sequence[WrittenField], carrier: Carrier, *, port: int | None = None) -> dict[str, Any]:
    """The example of a payload that is none of this device."""
    if carrier == "json":
        return {"name": "another device", "input": {"json": {"sunwell_other": 1}}, "refusal": "no_values"}
    if carrier == "bytes":
        given = _with_port({"hex": "FF" if min(_ends(fields)) > 1 else ""}, carrier, port)
        if not given["hex"]:
            return {"name": "nothing", "input": given, "refusal": "empty"}
        return {"name": "cut short", "input": given, "refusal": "unknown_layout"}
    taken = {(item.fc, item.at + index) for item in fields for index in range(item.registers)}
    free = next(place for place in range(65_536) if not any((fc, place) in taken for fc in (1, 2, 3, 4)))
    other = {"registers": {f"{fields[0].fc}:{free}": [0]}}
    return {"name": "other registers", "input": other, "refusal": "no_values"}


def _ends(fields: Sequence[WrittenField]) -> list[int]:
    return [max(item.at + SIZES[item.type] for item in fields)]


def _with_port(given: dict[str, Any], carrier: Carrier, port: int | None) -> dict[str, Any]:
    return {**given, "port": port} if carrier == "bytes" and port is not None else given


def heartbeat(every: str, silent_after: str, source: str) -> dict[str, Any]:
    """A heartbeat with one mode."""
    return {
        "default": "normal",
        "modes": {"normal": {"every": every, "silent_after": silent_after}},
        "source": source,
    }


def distinct(fields: Sequence[WrittenField]) -> Mapping[str, WrittenField]:
    """The fields by point. Raises NotUsableError where there is none."""
    if not fields:
        raise NotUsableError("there is no point: a profile needs at least one")
    return {item.point: item for item in fields}
