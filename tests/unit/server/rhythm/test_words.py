"""The reason, in plain words."""

from datetime import UTC, datetime

from server.rhythm.core import Fixed
from server.rhythm.usual import Learned
from server.rhythm.words import reason, sentences
from tests.unit.server.rhythm.lives import POLICY, Habits, learned_of

SINCE = datetime(2026, 3, 1, 14, 40, tzinfo=UTC)


def test_the_reason_says_what_is_usual_and_since_when() -> None:
    why = {"kind": "not_up", "since": SINCE.isoformat(), "usual": 490, "days": 20}
    assert reason(why, "en", zone=POLICY.tz) == "usually up by 8:10, nothing since 22:40"
    assert reason(why, "zh", zone=POLICY.tz) == "平时 8:10 前起床，自 22:40 起没有动静"
    quiet = {**why, "kind": "quiet", "usual": 200}
    assert "3 h 20 min" in reason(quiet, "en", zone=POLICY.tz)
    assert reason({"kind": "water_leak", "litres": 96.5}, "en", zone=POLICY.tz).endswith("96.5 L in 24 h")
    assert reason({"kind": "of another time"}, "zh", zone=POLICY.tz) == ""


def test_what_is_learned_is_said_with_its_days() -> None:
    learned = learned_of(Habits(), seed=1)
    first, last = (
        sentences(learned, Fixed(), "en", needed=7)[0],
        sentences(learned, Fixed(), "en", needed=7)[-1],
    )
    assert "usually up at" in first
    assert "28 valid days" in last
    assert sentences(Learned(days=3), Fixed(), "en", needed=7)[0].startswith("Not learned yet: 3")
    assert "Button, fall and smoke" in sentences(learned, Fixed(off=True), "en", needed=7)[0]
