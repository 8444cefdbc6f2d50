"""What messages say, and what they never say."""

import pytest
from pydantic import ValidationError

from gateway.rules.model import Severity
from server.notify.texts import LANGUAGES, Facts, MessagePolicy, message, resident, with_link


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["call", "again", "taken"])
@pytest.mark.parametrize("severity", Severity)
def test_every_kind_speaks_every_language(kind: str, language: str, severity: Severity) -> None:
    facts = Facts(number=12, what="SOS", severity=severity, who="王", area="A", holder="李")
    title, body = message(MessagePolicy(), kind, language, "sms", facts)
    assert "SOS" in title
    assert "12" in body
    assert "{" not in title + body
    assert with_link(body, language, "") == body
    assert with_link(body, language, "https://x/y").endswith("https://x/y")


def test_a_drill_is_marked_and_a_minimal_channel_carries_the_number_alone() -> None:
    facts = Facts(
        number=12, what="SOS", severity="major", who="王", area="A", holder="", drill=True, asks=("先打电话",)
    )
    policy = MessagePolicy(minimal=["sms"])
    assert message(policy, "call", "zh", "sms", facts) == ("（演练）【阳光井】有新任务", "任务 12。")
    title, body = message(policy, "call", "zh", "wecom", facts)
    assert title.startswith("（演练）")
    assert body.endswith("先打电话")


@pytest.mark.parametrize(
    "body",
    [
        "{phone}",
        "{}",
        "{who",
        "{who.__class__}",
        "{severity:级}",
        "{what:d}",
        "{number!r}",
        "{number:{what}}",
    ],
)
def test_a_text_that_asks_for_anything_else_is_refused(body: str) -> None:
    own = [each.model_dump() for each in MessagePolicy().messages]
    own[0]["body"] = body
    with pytest.raises(ValidationError):
        MessagePolicy(messages=own)


def test_every_text_there_is_has_to_stay() -> None:
    with pytest.raises(ValidationError, match="missing: call en"):
        MessagePolicy(messages=[each for each in MessagePolicy().messages if each.kind != "call"])


def test_residents_are_named_by_surname_alone() -> None:
    assert resident("王秀英", "zh") == "王姓老人"
    assert resident("欧阳明", "zh") == "欧阳姓老人"
    assert resident(" 王秀英", "en") == "an older resident, surname 王"


def test_a_residents_habits_are_said_only_where_they_may_be() -> None:
    facts = Facts(
        number=12, what="x", severity="major", who="王", area="A", holder="", why="usually up by 8:10"
    )
    said = {channel: message(MessagePolicy(), "call", "en", channel, facts)[1] for channel in ("push", "sms")}
    assert "8:10" in said["push"]
    assert "8:10" not in said["sms"]
