"""A profile that was made and not written: its document, checked, and what had to be left out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from firmware_profiles.decode import Codecs
from firmware_profiles.examples import run_examples
from firmware_profiles.load import parse_profile
from firmware_profiles.problems import ProfileErrors
from firmware_profiles.schema import Profile


class NotUsableError(ValueError):
    """No profile can be made of what was given. The text says why, for people."""


@dataclass(frozen=True, slots=True)
class Draft:
    """`document` is what goes into the file, `profile` the same as a profile; `notes` say what was left out
    or guessed."""

    document: Mapping[str, Any]
    profile: Profile
    notes: tuple[str, ...] = ()


def drafted(document: Mapping[str, Any], notes: tuple[str, ...] = (), codecs: Codecs | None = None) -> Draft:
    """The draft, with all checks passed and all examples run. `codecs` as in `decode`. Raises NotUsableError
    with all findings."""
    try:
        profile = parse_profile(document, file=str(document.get("id", "profile")))
    except ProfileErrors as errors:
        raise NotUsableError(str(errors)) from errors
    wrong = run_examples(profile, profile.id, codecs)
    if wrong:
        raise NotUsableError("\n".join(str(problem) for problem in wrong))
    return Draft(document, profile, notes)


def slug(*parts: str) -> str:
    """The parts as a profile's id: `aqara-mccgq11lm`. Raises NotUsableError when nothing is left of them."""
    text = re.sub(r"[^a-z0-9]+", "-", "-".join(parts).casefold())[:64].strip("-")
    if not text:
        raise NotUsableError(f"no id can be made of {' '.join(parts)[:80]!r}: Latin letters or digits needed")
    return text


def point_name(text: str) -> str:
    """The text as a point's name: `water_level`; empty when no letter is left."""
    return re.sub(r"[^a-z0-9]+", "_", text.casefold()).lstrip("_0123456789")[:48].rstrip("_")


def printable(text: object, length: int = 64) -> str:
    """Peer text, fit for files and pages: printable, stripped and cut."""
    return "".join(letter for letter in str(text)[: 4 * length] if letter.isprintable()).strip()[:length]
