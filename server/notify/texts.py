"""The words of a message: by what it is for and the language, with only what a channel outside may carry.

Managers may write others (`MessagePolicy`); what may be filled in stays the same. Pure.
"""

import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import ClassVar, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from server.policies.model import Policy, rule

LANGUAGES: Final = ("zh", "en")
FILLED: Final = frozenset({"number", "what", "severity", "who", "area", "holder"})
"""What a text may ask for."""
COMPOUND: Final = frozenset(
    {"欧阳", "司马", "上官", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "司徒", "夏侯"}
    | {"端木", "南宫", "长孙", "宇文", "申屠", "太史", "濮阳", "淳于", "单于", "轩辕"}
)
"""Surnames of two characters."""


class Message(BaseModel):
    """One message in one language."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str = rule(..., zh="用途", en="For", of="message", pattern=r"^[a-z_]{1,30}$")
    language: Literal["zh", "en"] = rule(..., zh="语言", en="Language", of="language")
    title: str = rule(..., zh="标题", en="Title", min_length=1, max_length=100)
    body: str = rule(..., zh="内容", en="Text", min_length=1, max_length=500)

    @field_validator("title", "body")
    @classmethod
    def _asks_for_what_there_is(cls, text: str) -> str:
        try:
            fields = [each for each in string.Formatter().parse(text) if each[1] is not None]
        except ValueError as error:
            raise ValueError(f"{error}: write {{number}}, for example") from error
        wrong = sorted({str(name) for _, name, _, _ in fields} - FILLED)
        if wrong:
            there = ", ".join(sorted(FILLED))
            raise ValueError(f"{', '.join(wrong) or '{}'} cannot be filled in: there are {there}")
        dressed = sorted({str(name) for _, name, form, conversion in fields if form or conversion})
        if dressed:
            raise ValueError(f"write {{{dressed[0]}}}: nothing may follow the name between the brackets")
        text.format(**dict.fromkeys(FILLED, "1"))
        return text


class _Packaged(BaseModel):
    model_config = ConfigDict(extra="forbid")

    messages: list[Message]
    asks: dict[str, dict[str, str]]
    link: dict[str, str]
    drill: dict[str, str]
    severity: dict[str, dict[str, str]]
    resident: dict[str, str]


@cache
def _packaged() -> _Packaged:
    file = Path(__file__).with_name("texts.yaml")
    return _Packaged.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))


class MessagePolicy(Policy):
    """What messages say."""

    NAME: ClassVar = "messages"
    TITLES: ClassVar = {"zh": "消息文字", "en": "Messages"}

    minimal: list[str] = rule(
        [], of="channel",
        zh="只许说任务编号的渠道", en="Channels that may carry the number of the task alone",
        source="our choice, for channels whose operator should learn nothing",
    )  # fmt: skip
    reasons: list[str] = rule(
        ["push"], of="channel",
        zh="可以说明原因（作息）的渠道", en="Channels that may say why (daily habits)",
        source="our choice: when somebody usually gets up is theirs; web push is encrypted on its way",
    )  # fmt: skip
    messages: list[Message] = rule(list(_packaged().messages), zh="文字", en="Texts")

    @model_validator(mode="after")
    def _complete(self) -> "MessagePolicy":
        there = [(each.kind, each.language) for each in self.messages]
        if len(set(there)) != len(there):
            raise ValueError("one text for each use and language")
        missing = {(each.kind, each.language) for each in _packaged().messages} - set(there)
        if missing:
            raise ValueError(
                "missing: " + ", ".join(f"{kind} {language}" for kind, language in sorted(missing))
            )
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a message may say. `who` is already free of names and addresses (`resident`). `drill`: nobody is
    in need. `why` tells of a resident's habits, for channels that may; `asks` are further lines in the
    person's language, free of personal data."""

    number: int
    what: str
    severity: str
    who: str
    area: str
    holder: str
    drill: bool = False
    why: str = ""
    asks: Sequence[str] = field(default=())


def message(policy: MessagePolicy, kind: str, language: str, channel: str, facts: Facts) -> tuple[str, str]:
    """The title and the body for this channel, without a link."""
    packaged = _packaged()
    minimal = channel in policy.minimal
    wanted = "minimal" if minimal else kind
    words = next(each for each in policy.messages if (each.kind, each.language) == (wanted, language))
    known = {
        "number": facts.number,
        "what": facts.what,
        "severity": packaged.severity[language][facts.severity],
        "who": facts.who,
        "area": facts.area,
        "holder": facts.holder,
    }
    mark = packaged.drill[language] if facts.drill else ""
    body = words.body.format(**known)
    why = (facts.why,) if facts.why and channel in policy.reasons else ()
    return mark + words.title.format(**known), body if minimal else "\n".join((body, *why, *facts.asks))


def probe(policy: MessagePolicy) -> tuple[str, str]:
    """The title and the body of a message that tries a channel, in the first language."""
    words = next(each for each in policy.messages if (each.kind, each.language) == ("probe", LANGUAGES[0]))
    return words.title, words.body


DECLARED: Final = "declared"
"""What whoever declared work is asked, when somebody calls for help there meanwhile."""


def asked(ask: str, language: str) -> tuple[str, ...]:
    """What a step asks of whoever is told, beside going there."""
    line = _packaged().asks[language].get(ask)
    return () if line is None else (line,)


def with_link(body: str, language: str, link: str) -> str:
    """The body with the link that takes the task, where there is one."""
    return f"{body}\n{_packaged().link[language].format(link=link)}" if link else body


def resident(name: str, language: str) -> str:
    """How a resident is spoken of outside: by surname alone."""
    name = name.strip()
    surname = name[:2] if name[:2] in COMPOUND else name[:1]
    return _packaged().resident[language].format(surname=surname)
