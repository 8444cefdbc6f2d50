"""Bands of states and marks of events, made of what the store tells."""

from datetime import UTC, datetime, timedelta

from server.timeseries.store import Bucket, TextValue
from server.web.charts.content import STEPS, WORD_LENGTH, bands, from_buckets, marks
from server.web.charts.tracks import Track
from server.web.formats import milliseconds

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
END = START + timedelta(seconds=60)
BASE = milliseconds(START)
POSTURE = Track(
    family="fall",
    position="p",
    point="posture",
    picture="bands",
    name="姿态",
    words={"none": "正常", "fall": "跌倒"},
    tones={"none": "calm-0", "fall": "critical"},
)
COVER = Track(
    family="well",
    position="p",
    point="cover_open",
    picture="bands",
    name="井盖",
    truth=True,
    words={"true": "开", "false": "关"},
    tones={"true": "critical", "false": "calm-0"},
)


def _texts(*values: tuple[float, str]) -> list[TextValue]:
    return [TextValue(START + timedelta(seconds=seconds), text) for seconds, text in values]


def _bands(track: Track, *values: tuple[float, str]) -> list[tuple[float, float, str]]:
    points, said = bands(track, _texts(*values), start=START, end=END)
    return [((a - BASE) / 1000, (b - BASE) / 1000, said[which]["name"]) for a, b, which in points]


def test_the_state_in_force_fills_the_beginning_and_the_last_one_lasts() -> None:
    assert _bands(POSTURE, (-3600, "none"), (20, "fall"), (30, "none")) == [
        (0, 20, "正常"),
        (20, 30, "跌倒"),
        (30, 60, "正常"),
    ]


def test_without_a_state_in_force_the_beginning_is_empty() -> None:
    assert _bands(POSTURE, (20, "fall")) == [(20, 60, "跌倒")]
    assert _bands(POSTURE) == []


def test_a_repeated_state_is_one_band() -> None:
    assert _bands(POSTURE, (0, "none"), (10, "none"), (20, "none")) == [(0, 60, "正常")]


def test_truth_values_speak_the_profiles_words() -> None:
    points, said = bands(COVER, _texts((-5, "0"), (12, "1")), start=START, end=END)
    assert said == [{"name": "关", "tone": "calm-0"}, {"name": "开", "tone": "critical"}]
    assert [point[2] for point in points] == [0, 1]


def test_an_unknown_text_is_shown_short_in_a_calm_colour() -> None:
    _, said = bands(POSTURE, _texts((1, "x" * 500)), start=START, end=END)
    assert said == [{"name": "x" * WORD_LENGTH, "tone": "calm-0"}]


def test_each_event_is_a_mark_and_none_from_before_the_start() -> None:
    points, said = marks(POSTURE, _texts((-5, "fall"), (1, "fall"), (2, "fall"), (3, "")), start=START)
    assert [point[0] - BASE for point in points] == [1000, 2000]
    assert said == [{"name": "跌倒", "tone": "critical"}]


def test_that_nothing_happened_is_no_event() -> None:
    points, said = marks(COVER, _texts((1, "0"), (2, "1")), start=START)
    assert [point[0] - BASE for point in points] == [2000]
    assert [value["name"] for value in said] == ["开"]


def test_a_truth_value_that_was_both_in_one_bucket_is_told_as_both() -> None:
    texts = from_buckets(
        [Bucket(START, 0, 0, 0, 9), Bucket(START + timedelta(seconds=1), 0.2, 0, 1, 9)], END - START
    )
    assert [text.text for text in texts] == ["0", "0", "1"]
    assert texts[2].time - texts[1].time == timedelta(seconds=60) / STEPS / 2
