"""By what a device calls help for a person: a button, a fall that it sees, or something else. Pure.

Told by the profile's own rules, not by its family: a presence sensor is of the same family as a fall radar,
and calls nobody.
"""

from enum import StrEnum
from functools import cache
from typing import Final

from firmware_profiles import Profile


class Help(StrEnum):
    """What calls help, the most wanted first."""

    BUTTON = "button"
    FALL = "fall"
    OTHER = "other"  # smoke, gas: whatever else a profile calls critical for a person


_BY_RULE: Final = {"sos": Help.BUTTON, "fall": Help.FALL}
"""By the first word of a rule's key, which is the same across models: `sos`, `sos_persists`."""


def helps_of(profile: Profile | None) -> frozenset[Help]:
    """By what a device of this model calls help; nothing for one that only tells of daily life or comfort."""
    return (
        frozenset()
        if profile is None
        else _by_rules(
            tuple(
                key
                for key, rule in profile.rules.items()
                if rule.task == "care" and rule.severity == "critical"
            )
        )
    )


@cache
def _by_rules(keys: tuple[str, ...]) -> frozenset[Help]:
    return frozenset(_BY_RULE.get(key.partition("_")[0], Help.OTHER) for key in keys)
