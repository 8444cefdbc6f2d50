"""What rules are called and what to do about them, in both languages, taken from the profiles."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from firmware_profiles import Profile

LANGUAGES: Final = ("zh", "en")


@dataclass(frozen=True, slots=True)
class RuleText:
    """A rule's name and advice by language ("zh", "en")."""

    name: dict[str, str]
    advise: dict[str, str]


GATEWAY_OFFLINE: Final = "gateway_offline"

_SERVER_RULES: Final[dict[str, RuleText]] = {
    GATEWAY_OFFLINE: RuleText(
        name={"zh": "网关离线", "en": "Gateway offline"},
        advise={
            "zh": "先电话确认现场是否停电断网；无法恢复则上门检查网关。期间请关注由它守护的老人。",
            "en": "Ask whether power or network is out; if it stays down, go and check the gateway. "
            "Meanwhile look after the residents it protects.",
        },
    ),
}


class RuleTexts:
    """Rule texts by rule id. Where several profiles have a rule, the first one read gives the words."""

    def __init__(self, profiles: Iterable[Profile]) -> None:
        self._texts = dict(_SERVER_RULES)
        for profile in profiles:
            for template in profile.rule_templates():
                self._texts.setdefault(
                    template.key,
                    RuleText(
                        name={language: getattr(template.name, language) for language in LANGUAGES},
                        advise={language: getattr(template.advise, language) for language in LANGUAGES},
                    ),
                )

    def name(self, rule: str, language: str) -> str:
        """The rule's name, or its id where no profile knows it any more."""
        text = self._texts.get(rule)
        return text.name[language] if text else rule

    def names(self, rule: str) -> dict[str, str]:
        """The rule's name in all languages."""
        return {language: self.name(rule, language) for language in LANGUAGES}

    def advise(self, rule: str, language: str) -> str:
        """What to do, or nothing where no profile knows the rule."""
        text = self._texts.get(rule)
        return text.advise[language] if text else ""
