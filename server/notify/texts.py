"""The words of a message: by kind of step and language, with only what a channel outside may carry. Pure."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field

LANGUAGES: Final = ("zh", "en")
COMPOUND: Final = frozenset(
    {"欧阳", "司马", "上官", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "司徒", "夏侯"}
    | {"端木", "南宫", "长孙", "宇文", "申屠", "太史", "濮阳", "淳于", "单于", "轩辕"}
)
"""Surnames of two characters."""


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, Field(min_length=1)]
    body: Annotated[str, Field(min_length=1)]


class _Templates(BaseModel):
    model_config = ConfigDict(extra="forbid")

    call: dict[str, _Words]
    again: dict[str, _Words]
    taken: dict[str, _Words]
    inform: dict[str, _Words]
    severity: dict[str, dict[str, str]]
    resident: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a message may say. `who` is already free of names and addresses (see `who_is_it`)."""

    number: int
    what: str
    severity: str
    who: str
    area: str
    holder: str
    link: str


def message(kind: str, language: str, facts: Facts) -> tuple[str, str]:
    """The title and the body."""
    templates = _templates()
    words: _Words = getattr(templates, kind)[language]
    known = {
        "number": facts.number,
        "what": facts.what,
        "severity": templates.severity[language][facts.severity],
        "who": facts.who,
        "area": facts.area,
        "holder": facts.holder,
        "link": facts.link,
    }
    return words.title.format(**known), words.body.format(**known)


def resident(name: str, language: str) -> str:
    """How a resident is spoken of outside: by surname alone."""
    name = name.strip()
    surname = name[:2] if name[:2] in COMPOUND else name[:1]
    return _templates().resident[language].format(surname=surname)


@cache
def _templates() -> _Templates:
    file = Path(__file__).with_name("texts.yaml")
    return _Templates.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
