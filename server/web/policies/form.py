"""The form of any policy, made from its fields: inputs out, a policy or what is wrong with it in. Pure.

A number, a switch, a text and a choice are one input each; a list of texts is one a line; texts with values
are one `name = value` a line; a list of records is a row of inputs each, with empty rows after them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from server.policies.model import Policy

SPARE_ROWS: Final = 2
Widget = Literal["number", "switch", "text", "choice", "lines", "pairs", "rows"]


@dataclass(frozen=True, slots=True)
class Input:
    """One input: its name in the form, its words, and what it holds. `default` is what the packaged policy
    says, `source` where that comes from."""

    name: str
    label: str
    widget: Widget
    value: str
    unit: str = ""
    source: str = ""
    default: str = ""
    choices: tuple[str, ...] = ()
    rows: tuple[tuple["Input", ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Wrong:
    """One mistake: the field's words and what is wrong with it."""

    label: str
    what: str


def inputs(policy: Policy, language: str) -> list[Input]:
    """The form's inputs, filled with what `policy` says."""
    usual = policy.__class__()
    return [
        _input(name, name, info, getattr(policy, name), getattr(usual, name), language)
        for name, info in policy.__class__.model_fields.items()
    ]


def read(policy: type[Policy], form: Mapping[str, str]) -> Policy:
    """The policy that the form says. Raises ValidationError."""
    return policy.model_validate(
        {name: _value(name, info, form) for name, info in policy.model_fields.items()}
    )


def again(policy: type[Policy], form: Mapping[str, str], language: str) -> list[Input]:
    """The form's inputs as somebody has filled them, mistakes and all."""
    return [_kept(each, form) for each in inputs(policy(), language)]


def wrong(policy: type[Policy], error: ValidationError, language: str) -> list[Wrong]:
    """What is wrong, by field."""
    found: list[Wrong] = []
    for one in error.errors(include_url=False, include_input=False):
        top = str(one["loc"][0]) if one["loc"] else ""
        label = _words(policy.model_fields[top], language, top) if top in policy.model_fields else top
        deeper = ".".join(str(part + 1 if isinstance(part, int) else part) for part in one["loc"][1:])
        message = one["msg"].removeprefix("Value error, ")
        found.append(Wrong(f"{label} {deeper}".strip(), message))
    return found


def summary(policy: Policy, language: str) -> list[Input]:
    """What a policy says, without its tables."""
    return [each for each in inputs(policy, language) if each.widget != "rows"]


def _input(name: str, field: str, info: FieldInfo, value: object, default: object, language: str) -> Input:
    widget = _widget(info.annotation)
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    record = _record(info.annotation)
    rows: tuple[tuple[Input, ...], ...] = ()
    if record is not None:
        assert isinstance(value, list | tuple)
        filled = [*value, *[None] * SPARE_ROWS]
        rows = tuple(
            tuple(
                _input(
                    f"{name}.{number}.{each}",
                    each,
                    inner,
                    "" if one is None else getattr(one, each),
                    "",
                    language,
                )
                for each, inner in record.model_fields.items()
            )
            for number, one in enumerate(filled)
        )
    return Input(
        name=name,
        label=_words(info, language, field),
        widget=widget,
        value=_text(value),
        unit=str(extra.get("unit", "")),
        source=str(extra.get("source", "")),
        default=_text(default),
        choices=_choices(info.annotation),
        rows=rows,
    )


def _kept(each: Input, form: Mapping[str, str]) -> Input:
    if each.widget != "rows":
        return replace(each, value=form.get(each.name, ""))
    columns = [one.name.rpartition(".")[2] for one in each.rows[0]]
    numbers = sorted({int(key.split(".")[1]) for key in form if _is_row(key, each.name)})
    rows = tuple(
        tuple(
            replace(
                pattern,
                name=f"{each.name}.{number}.{column}",
                value=form.get(f"{each.name}.{number}.{column}", ""),
            )
            for column, pattern in zip(columns, each.rows[0], strict=True)
        )
        for number in numbers
    )
    return replace(each, rows=rows or each.rows)


def _value(name: str, info: FieldInfo, form: Mapping[str, str]) -> Any:
    widget = _widget(info.annotation)
    written = form.get(name, "").strip()
    match widget:
        case "switch":
            return name in form
        case "lines":
            return _lines(written)
        case "pairs":
            return dict(_pair(line) for line in _lines(written))
        case "rows":
            return _rows(name, info, form)
        case _ if not written and type(None) in get_args(info.annotation):
            return None
        case _:
            return written


def _rows(name: str, info: FieldInfo, form: Mapping[str, str]) -> list[dict[str, Any]]:
    record = _record(info.annotation)
    assert record is not None
    numbers = sorted({int(key.split(".")[1]) for key in form if _is_row(key, name)})
    telling = [each for each, inner in record.model_fields.items() if _widget(inner.annotation) != "switch"]
    return [
        {each: _value(f"{name}.{number}.{each}", inner, form) for each, inner in record.model_fields.items()}
        for number in numbers
        if any(form.get(f"{name}.{number}.{each}", "").strip() for each in telling)
    ]


def _is_row(key: str, name: str) -> bool:
    parts = key.split(".")
    return len(parts) == 3 and parts[0] == name and parts[1].isdecimal() and len(parts[1]) < 5


def _lines(written: str) -> list[str]:
    return [line.strip() for line in written.splitlines() if line.strip()]


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.replace("＝", "=").partition("=")
    return name.strip(), value.strip()


def _words(info: FieldInfo, language: str, name: str) -> str:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    return str(extra.get(language, name))


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "1" if value else ""
        case dict():
            return "\n".join(f"{name} = {each}" for name, each in value.items())
        case list() | tuple() | frozenset() | set():
            return "" if _is_records(value) else "\n".join(str(each) for each in value)
        case _:
            return str(value)


def _is_records(values: Sequence[object] | frozenset[object] | set[object]) -> bool:
    return any(isinstance(each, BaseModel) for each in values)


def _widget(annotation: Any) -> Widget:
    plain = _plain(annotation)
    if plain is bool:
        return "switch"
    if plain in (int, float):
        return "number"
    if _choices(annotation):
        return "choice"
    if get_origin(plain) is dict:
        return "pairs"
    if get_origin(plain) in (list, tuple, frozenset, set):
        return "lines" if _record(annotation) is None else "rows"
    return "text"


def _choices(annotation: Any) -> tuple[str, ...]:
    plain = _plain(annotation)
    if get_origin(plain) is Literal:
        return tuple(str(each) for each in get_args(plain))
    if isinstance(plain, type) and issubclass(plain, StrEnum):
        return tuple(plain)
    return ()


def _record(annotation: Any) -> type[BaseModel] | None:
    inner = next(iter(get_args(_plain(annotation))), None)
    return inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None


def _plain(annotation: Any) -> Any:
    """Without "or None"."""
    inner = [each for each in get_args(annotation) if each is not type(None)]
    optional = type(None) in get_args(annotation) and len(inner) == 1
    return inner[0] if optional else annotation
