"""What the codes in rules are called, in the words that the other pages use for them. What is stored stays
the code; a rule's field names its vocabulary (`rule(..., of="role")`)."""

from collections.abc import Iterable, Mapping
from typing import Final, get_args

from sqlalchemy.orm import Session

from gateway.rules.model import WORST_FIRST
from server.context import Context
from server.coverage.core import Cause
from server.devices.helping import Help
from server.notify.channels import PUSH, AddressBook
from server.notify.texts import LANGUAGES, MessagePolicy
from server.policies import service as policies
from server.tasks.policy import Colour, CountsAs, Icon, TaskPolicy
from server.users.roles import LINKS_ONLY, Role
from server.web.i18n import knows, say

Vocabularies = Mapping[str, Mapping[str, str]]
"""By vocabulary: what each code is called, in the order in which they are offered."""
_PREFIXES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "role": ("role", tuple(each for each in Role if each not in LINKS_ONLY)),
    "severity": ("severity", tuple(WORST_FIRST)),
    "gap": ("coverage.cause", tuple(Cause)),
    "help": ("help", tuple(Help)),
    "risk": ("residents.risk", ("high", "normal")),
    "counts_as": ("policies.counts_as", get_args(CountsAs)),
    "colour": ("policies.colour", get_args(Colour)),
    "icon": ("policies.icon", get_args(Icon)),
    "language": ("policies.language", LANGUAGES),
}
"""Vocabularies that are fixed: where their words stand in the pages' tables, and their codes."""


def vocabularies(context: Context, session: Session, language: str) -> Vocabularies:
    """All vocabularies as they are now."""
    tasks = policies.current(session, TaskPolicy)
    families = dict.fromkeys(profile.family for profile in context.catalogue.values())
    book = AddressBook(context.settings.channels_file).current()
    channels = dict.fromkeys([PUSH, *book.gateways, *(one for each in book.people.values() for one in each)])
    return {
        **{name: _said(language, prefix, codes) for name, (prefix, codes) in _PREFIXES.items()},
        "kind": {kind.id: kind.zh if language == "zh" else kind.en for kind in tasks.kinds},
        "outcome": {each.id: each.zh if language == "zh" else each.en for each in tasks.outcomes},
        "rule": context.texts.all_names(language),
        "family": _said(language, "family", families),
        "channel": _said(language, "notices.channel", channels),
        "message": _said(
            language, "policies.message", dict.fromkeys(each.kind for each in MessagePolicy().messages)
        ),
    }


def _said(language: str, prefix: str, codes: Iterable[str]) -> dict[str, str]:
    """A code for which there are no words (a channel that the administrators named) stands for itself."""
    return {
        str(code): say(language, f"{prefix}.{code}") if knows(f"{prefix}.{code}") else str(code)
        for code in codes
    }
