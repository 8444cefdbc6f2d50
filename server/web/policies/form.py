"""The form of any policy, made from its fields: inputs out, a policy or what is wrong with it in. Pure.

A number, a switch, a text and a choice are one input each; a list of texts is one a line; texts with values
are one `name = value` a line; a list of records is a row of inputs each, with empty rows after them. Codes
are shown in the words of their vocabulary (`of`), and a list of them is ticked: what is read stays the code.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from server.policies.model import Policy

SPARE_ROWS: Final = 2
Widget = Literal["number", "switch", "text", "choice", "lines", "ticks", "pairs", "rows"]
Vocabularies = Mapping[str, Mapping[str, str]]
"""What codes are called, by vocabulary and code."""
_NO_WORDS: Final[Vocabularies] = {}


@dataclass(frozen=True, slots=True)
class Input:
    """One input: its name in the form, its words, and what it holds. `default` is what the packaged policy
    says, `source` where that comes from. `choices` are codes, `words` what they are called."""

    name: str
    label: str
    widget: Widget
    value: str
    unit: str = ""
    source: str = ""
    default: str = ""
    choices: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    rows: tuple[tuple["Input", ...], ...] = ()

    @property
    def column(self) -> str:
        """The field's own name, without the row's."""
        return self.name.rpartition(".")[2]

    @property
    def picked(self) -> list[str]:
        """The codes that are chosen, in their order."""
        return _lines(self.value)

    @property
    def others(self) -> list[str]:
        """The codes that could be chosen beside them."""
        return [code for code in self.choices if code not in self.picked]

    @property
    def said(self) -> str:
        """The value in words, one a line."""
        return "\n".join(self.words.get(line, line) for line in self.value.split("\n"))


@dataclass(frozen=True, slots=True)
class Wrong:
    """One mistake: the field's words and what is wrong with it."""

    label: str
    what: str


def inputs(policy: Policy, language: str, words: Vocabularies = _NO_WORDS) -> list[Input]:
    """The form's inputs, filled with what `policy` says."""
    usual = policy.__class__()
    return [
        _input(name, name, info, getattr(policy, name), getattr(usual, name), language, words)
        for name, info in policy.__class__.model_fields.items()
    ]


def read(policy: type[Policy], form: Mapping[str, str]) -> Policy:
    """The policy that the form says. Raises ValidationError."""
    return policy.model_validate(
        {name: _value(name, info, form) for name, info in policy.model_fields.items()}
    )


def again(
    policy: type[Policy], form: Mapping[str, str], language: str, words: Vocabularies = _NO_WORDS
) -> list[Input]:
    """The form's inputs as somebody has filled them, mistakes and all."""
    return [_kept(each, form) for each in inputs(policy(), language, words)]


def sent(pairs: Iterable[tuple[str, object]]) -> dict[str, str]:
    """What a browser sent, by name; what was ticked under one name is one a line."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if isinstance(value, str):
            found[name] = f"{found[name]}\n{value}" if name in found else value
    return found


def wrong(policy: type[Policy], error: ValidationError, language: str) -> list[Wrong]:
    """What is wrong, by field."""
    found: list[Wrong] = []
    for one in error.errors(include_url=False, include_input=False):
        top = str(one["loc"][0]) if one["loc"] else ""
        label = _words(policy.model_fields[top], language, top) if top in policy.model_fields else top
        record = _record(policy.model_fields[top].annotation) if top in policy.model_fields else None
        deeper = " ".join(_deeper(part, record, language) for part in one["loc"][1:])
        message = one["msg"].removeprefix("Value error, ")
        found.append(Wrong(f"{label} {deeper}".strip(), message))
    return found


def _deeper(part: int | str, record: type[BaseModel] | None, language: str) -> str:
    if isinstance(part, int):
        return str(part + 1)
    info = record.model_fields.get(part) if record is not None else None
    return part if info is None else _words(info, language, part)


def summary(policy: Policy, language: str, words: Vocabularies = _NO_WORDS) -> list[Input]:
    """What a policy says, without its tables."""
    return [each for each in inputs(policy, language, words) if each.widget != "rows"]


def _input(
    name: str,
    column: str,
    info: FieldInfo,
    value: object,
    default: object,
    language: str,
    words: Vocabularies,
) -> Input:
    widget = _widget(info.annotation)
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    called = words.get(str(extra.get("of", "")), {})
    if called:
        widget = _IN_WORDS.get(widget, widget)
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
                    words,
                )
                for each, inner in record.model_fields.items()
            )
            for number, one in enumerate(filled)
        )
    return Input(
        name=name,
        label=_words(info, language, column),
        widget=widget,
        value=_text(value),
        unit=str(extra.get("unit", "")),
        source=str(extra.get("source", "")),
        default=_text(default),
        choices=_choices(info.annotation) or tuple(called),
        words=called,
        rows=rows,
    )


def _kept(each: Input, form: Mapping[str, str]) -> Input:
    if each.widget != "rows":
        return replace(each, value=form.get(each.name, ""))
    columns = [one.column for one in each.rows[0]]
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


_IN_WORDS: Final[dict[Widget, Widget]] = {"lines": "ticks", "text": "choice"}
"""How codes are asked for once their words are known."""


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
