"""Decode kind `json`: values at paths of a JSON object."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from firmware_profiles.decode.model import (
    MessagePayload,
    Raw,
    RawField,
    RawRead,
    RawSample,
    Refusal,
    RefusalReason,
)
from firmware_profiles.layouts import JsonField, JsonLayout

_PART: Final = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_NOTHING: Final = object()
_DECODER: Final = msgspec.json.Decoder()


@lru_cache(maxsize=1024)
def split_path(path: str) -> tuple[str | int, ...]:
    """The steps of `a.b[0]`."""
    return tuple(key or int(index) for key, index in _PART.findall(path))


def read(layout: JsonLayout, payload: MessagePayload) -> RawRead:
    """The fields that are there; null and empty text say nothing. Raises Refusal for what is no JSON object
    or holds no field of the profile."""
    try:
        document = _DECODER.decode(payload.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(RefusalReason.NOT_JSON, f"no JSON: {str(error)[:200]}") from error
    if not isinstance(document, dict):
        raise Refusal(RefusalReason.NOT_AN_OBJECT, f"a JSON {type(document).__name__}, not an object")
    return RawRead([RawSample(pick(layout.fields, document))], [], "JSON object")


def pick(fields: Mapping[str, JsonField], document: dict[str, Any]) -> list[RawField]:
    """The fields that are in the document; null and empty text say nothing. Raises Refusal if it has none."""
    found: list[RawField] = []
    known = False
    for name, field in fields.items():
        value = _at(document, field)
        known = known or value is not _NOTHING
        if value is _NOTHING or value is None or value == "":
            continue
        raw: Raw = value if isinstance(value, bool | int | float | str) else None
        found.append(RawField(name, raw, field, _text(field)))
    if not known:
        raise Refusal(RefusalReason.NO_VALUES, f"{_keys(document)}: nothing that this profile reads")
    return found


def _at(document: Any, field: JsonField) -> Any:
    path = split_path(field.path) if isinstance(field.path, str) else field.path
    for step in path:
        if isinstance(step, str) and isinstance(document, dict):
            document = document.get(step, _NOTHING)
        elif isinstance(step, int) and isinstance(document, list) and step < len(document):
            document = document[step]
        else:
            return _NOTHING
        if document is _NOTHING:
            return _NOTHING
    return document


def _text(field: JsonField) -> str:
    return field.path if isinstance(field.path, str) else "".join(f"[{step!r}]" for step in field.path)


def _keys(document: dict[str, Any]) -> str:
    return "keys " + ", ".join(repr(key[:20]) for key in list(document)[:5]) if document else "no keys"
