"""Pydantic's findings in the words of whoever writes a profile."""

import re
import types
import typing
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from firmware_profiles.problems import Path, meant, shown

_MANY = 15
"""More words than this are not listed; the nearest one is named."""


def drop_tags(location: tuple[str | int, ...], document: Any) -> Path:
    """The path of a finding in the document: without the names of union members, which are no keys of it."""
    path: list[str | int] = []
    for index, part in enumerate(location):
        last = index == len(location) - 1
        if isinstance(document, dict) and isinstance(part, str):
            if part in document:
                path.append(part)
                document = document[part]
            elif last:
                path.append(part)
        elif isinstance(document, list) and isinstance(part, int):
            path.append(part)
            document = document[part] if part < len(document) else None
    return tuple(path)


def is_echo(error: ErrorDetails) -> bool:
    """Whether the finding only says that items were left out because they are wrong themselves."""
    found = error["input"]
    return error["type"] == "too_short" and isinstance(found, list | dict) and len(found) > 0


def one_of(texts: list[str]) -> str:
    """The findings on one value as one: the members of a union each say what they would take."""
    if len(texts) == 1 or not all(text.startswith("must be ") and ", got " in text for text in texts):
        return "; ".join(dict.fromkeys(texts))
    wanted = dict.fromkeys(text.removeprefix("must be ").split(", got ")[0] for text in texts)
    return f"must be {' or '.join(wanted)}, got {texts[-1].split(', got ', 1)[1]}"


def describe(error: ErrorDetails, path: Path, root: type[BaseModel]) -> str:
    """What is wrong, what was found, and what may have been meant."""
    kind, found = error["type"], error["input"]
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        known = sorted(_keys(root, error["loc"][:-1]))
        return f"unknown key{meant(path[-1] if path else '', known)}"
    context = error.get("ctx", {})
    if kind in ("literal_error", "enum", "union_tag_invalid"):
        expected = str(context.get("expected") or context.get("expected_tags") or "")
        choices = re.findall(r"'([^']*)'", expected)
        given = context.get("tag", found)
        if len(choices) > _MANY:
            return f"is not known, got {shown(given)}{meant(given, choices)}"
        return f"must be one of {', '.join(choices) or expected}, got {shown(given)}{meant(given, choices)}"
    if kind == "union_tag_not_found":
        return "kind is missing"
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if error["msg"].startswith("Input should be "):
        message = f"must be {message}"
    return f"{message[:1].lower()}{message[1:]}, got {shown(found)}"


def _models(annotation: Any) -> list[Any]:
    """The alternatives inside an annotation: models, dicts, tuples."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _models(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [model for part in typing.get_args(annotation) for model in _models(part)]
    return [annotation]


def _is_model(candidate: Any) -> bool:
    return isinstance(candidate, type) and issubclass(candidate, BaseModel)


def _tag_of(model: Any) -> set[str]:
    kind = model.model_fields.get("kind") if _is_model(model) else None
    return set(typing.get_args(kind.annotation)) if kind is not None else set()


def _keys(root: type[BaseModel], location: tuple[str | int, ...]) -> set[str]:
    """The keys that the model at this place of the schema has."""
    now: list[Any] = [root]
    for part in location:
        following: list[Any] = []
        for candidate in now:
            following.extend(_step(candidate, part))
        if not following:  # a union's tag: keep the members that bear it
            following = [item for item in now if part in _tag_of(item)] or now
        now = following
    return {
        field.alias or name for model in now if _is_model(model) for name, field in model.model_fields.items()
    }


def _step(candidate: Any, part: str | int) -> list[Any]:
    if _is_model(candidate):
        for name, field in candidate.model_fields.items():
            if (field.alias or name) == part:
                return _models(field.annotation)
        return []
    origin, arguments = typing.get_origin(candidate), typing.get_args(candidate)
    if origin is dict:
        return _models(arguments[1])
    if origin is tuple and isinstance(part, int):
        return _models(arguments[0])
    return []
