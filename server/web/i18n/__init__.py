"""The words of the pages in both languages: plain tables, one lookup."""

from collections import ChainMap
from collections.abc import Mapping
from typing import Final

from server.figures import words as figuring
from server.web.i18n import (
    commanding,
    covering,
    dispatching,
    en,
    enrolling,
    expecting,
    governing,
    installing,
    machines,
    noticing,
    peopling,
    placing,
    registering,
    residing,
    rhythms,
    tasking,
    wells,
    zh,
)

_DOMAINS: Final = (
    registering,
    commanding,
    enrolling,
    expecting,
    machines,
    installing,
    dispatching,
    governing,
    covering,
    wells,
    placing,
    noticing,
    residing,
    rhythms,
    figuring,
    tasking,
    peopling,
)
TABLES: Final[Mapping[str, Mapping[str, str]]] = {
    "zh": dict(ChainMap(*(domain.ZH for domain in _DOMAINS), zh.WORDS)),
    "en": dict(ChainMap(*(domain.EN for domain in _DOMAINS), en.WORDS)),
}
DEFAULT: Final = "zh"


def say(language: str, key: str, **values: object) -> str:
    """The words of `key`, with `values` filled in. Raises KeyError for a key that no table has: a test goes
    through every key that the pages use."""
    words = TABLES[language][key]
    return words.format(**values) if values else words


def knows(key: str) -> bool:
    """Whether there are words for `key`."""
    return key in TABLES[DEFAULT]
