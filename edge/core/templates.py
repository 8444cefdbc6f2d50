"""Home Assistant's value templates: the safe part of them, read by our own parser and never run as code.

What is read: one `{{ … }}` around a value, its filters, and one comparison.

    {{ value }}
    {{ value_json.a.b["c"][0] | float(0) | round(1) }}
    {{ value_json.state == "open" }}

A value is `value` (the message as text) or a path into `value_json` (the message as JSON). Filters are `int`,
`float`, `round` and `is_defined`, a comparison is one of == != < <= > >= with a number, a text or a truth
value. Anything else raises TemplateError: a person has to look at it.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

LONGEST: Final = 500
"""Characters. A template that names one value is shorter; a longer one is a program."""
DEEPEST: Final = 16

Filter = Literal["int", "float", "round", "is_defined"]
Compared = bool | int | float | str
FILTERS: Final[frozenset[str]] = frozenset({"int", "float", "round", "is_defined"})

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<number>-?\d{1,15}(?:\.\d{1,15})?)
      | (?P<text>"[^"\\{}]*"|'[^'\\{}]*')
      | (?P<mark>==|!=|<=|>=|[<>.\[\]()|,])
    )""",
    re.VERBOSE | re.ASCII,
)
_COMPARISONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">="})
_LITERALS: Final[dict[str, bool]] = {"true": True, "True": True, "false": False, "False": False}


class TemplateError(ValueError):
    """The template is outside the part that is read. The text says what stands there."""


@dataclass(frozen=True, slots=True)
class Template:
    """`path` begins with "value" or "value_json". `comparison` is an operator with what is compared."""

    path: tuple[str | int, ...]
    filters: tuple[Filter, ...] = ()
    comparison: tuple[str, Compared] | None = None

    @property
    def wants_number(self) -> bool:
        """Whether its filters make a number of the value."""
        return bool({"int", "float", "round"} & set(self.filters))


def parse_template(text: str) -> Template:
    """The template's meaning. Raises TemplateError."""
    if len(text) > LONGEST:
        raise TemplateError(f"{len(text)} characters, more than the {LONGEST} that are read")
    inner = text.strip()
    if not (inner.startswith("{{") and inner.endswith("}}")):
        raise TemplateError("not a single {{ … }}")
    reader = _Reader(_tokens(inner[2:-2].strip("-")))
    template = reader.template()
    if reader.kind != "end":
        raise TemplateError(f"{reader.word!r} is not among what is read")
    return template


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    text = text.rstrip()
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise TemplateError(f"{text[place : place + 20].strip()!r} is not among what is read")
        tokens.append((match.lastgroup, match[match.lastgroup]))
        place = match.end()
    return tokens


class _Reader:
    """Goes through the tokens once; every step is bounded by their number."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = [*tokens, ("end", "the end")]
        self._place = 0

    @property
    def kind(self) -> str:
        return self._tokens[self._place][0]

    @property
    def word(self) -> str:
        return self._tokens[self._place][1]

    def template(self) -> Template:
        enclosed = self._skip("(")
        path = self._path()
        filters = self._filters()
        comparison = self._comparison()
        if enclosed:
            self._want(")")
            if comparison is None:
                filters += self._filters()
                comparison = self._comparison()
        return Template(path, filters, comparison)

    def _path(self) -> tuple[str | int, ...]:
        root = self._take("name")
        if root not in ("value", "value_json"):
            raise TemplateError(f"{root!r} is neither value nor value_json")
        path: list[str | int] = [root]
        while self.kind == "mark" and self.word in (".", "["):
            if self._skip("."):
                path.append(self._take("name"))
            else:
                self._want("[")
                path.append(self._key())
                self._want("]")
            if len(path) > DEEPEST:
                raise TemplateError(f"a path of more than {DEEPEST} steps")
        if root == "value" and len(path) > 1:
            raise TemplateError("value is text and has no parts")
        if self.kind == "mark" and self.word == "(":
            raise TemplateError(f"{path[-1]!r} is called, and calls are not read")
        return tuple(path)

    def _key(self) -> str | int:
        if self.kind == "number":
            word = self._take("number")
            if not word.isdecimal():
                raise TemplateError(f"[{word}] counts from the end or is no place")
            return int(word)
        return self._take("text")[1:-1]

    def _filters(self) -> tuple[Filter, ...]:
        found: list[Filter] = []
        while self._skip("|"):
            name = self._take("name")
            if name not in FILTERS:
                raise TemplateError(f"the filter {name!r} is not read")
            if self._skip("("):
                self._arguments()
            found.append(name)  # type: ignore[arg-type]  # it is in FILTERS
        return tuple(found)

    def _arguments(self) -> None:
        """Defaults and digits of filters: what to show where there is no number; not used."""
        while not self._skip(")"):
            if self.kind not in ("number", "text", "name") or len(self.word) > DEEPEST:
                raise TemplateError(f"{self.word!r} as an argument is not read")
            if self.kind == "name" and self.word not in (*_LITERALS, "none", "None"):
                raise TemplateError(f"{self.word!r} as an argument is not read")
            self._place += 1
            self._skip(",")

    def _comparison(self) -> tuple[str, Compared] | None:
        if self.kind != "mark" or self.word not in _COMPARISONS:
            return None
        operator = self._take("mark")
        if self.kind == "number":
            word = self._take("number")
            return operator, float(word) if "." in word else int(word)
        if self.kind == "text":
            return operator, self._take("text")[1:-1]
        word = self._take("name")
        if word not in _LITERALS:
            raise TemplateError(f"a comparison with {word!r} is not read")
        return operator, _LITERALS[word]

    def _take(self, kind: str) -> str:
        if self.kind != kind:
            raise TemplateError(f"{self.word!r} stands where a {kind} should")
        word = self.word
        self._place += 1
        return word

    def _skip(self, mark: str) -> bool:
        if self.kind != "mark" or self.word != mark:
            return False
        self._place += 1
        return True

    def _want(self, mark: str) -> None:
        if not self._skip(mark):
            raise TemplateError(f"{self.word!r} stands where {mark!r} should")
