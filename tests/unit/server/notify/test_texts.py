"""What messages say, and what they never say."""

import pytest

from gateway.rules.model import Severity
from server.notify.texts import LANGUAGES, Facts, message, resident


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["call", "again", "taken"])
@pytest.mark.parametrize("severity", Severity)
def test_every_kind_speaks_every_language(kind: str, language: str, severity: Severity) -> None:
    facts = Facts(
        number=12, what="SOS", severity=severity, who="王", area="A", holder="李", link="https://x/y"
    )
    title, body = message(kind, language, facts)
    assert "SOS" in title
    assert "12" in body
    assert "{" not in title + body
    assert ("https://x/y" in body) is (kind != "taken")


def test_residents_are_named_by_surname_alone() -> None:
    assert resident("王秀英", "zh") == "王姓老人"
    assert resident("欧阳明", "zh") == "欧阳姓老人"
    assert resident(" 王秀英", "en") == "an older resident, surname 王"
