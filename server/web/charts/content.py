"""What a track shows over a span of time, ready for the page's script.

A line has points [ms, mean, least, most]; bands have [from ms, to ms, n] and marks [ms, n], where n counts in
`values`: the words and the colour of each value that occurs.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from server.context import Context
from server.readings import service as readings
from server.timeseries.store import Bucket, TextValue
from server.web.charts.tracks import CALM_TONES, Track
from server.web.formats import milliseconds

DAY: Final = timedelta(hours=24)
DAY_AT_LEAST: Final = timedelta(minutes=15)
"""Of a device that was registered just now."""
STEPS: Final = 720
"""Buckets of a line: finer than the pixels of a telephone."""
WORD_LENGTH: Final = 40
"""Of a text that the profile does not know, which a device sent."""
_TRUTH: Final = {"1": "true", "0": "false"}


def lately(since: datetime, end: datetime) -> datetime:
    """Where a chart of the last day begins, of something that is there `since`."""
    return max(end - DAY, min(since, end - DAY_AT_LEAST))


async def contents(
    context: Context, tracks: Sequence[Track], *, start: datetime, end: datetime
) -> list[dict[str, Any]]:
    """The contents of all tracks, asked for at once. Raises StoreUnavailableError."""
    return list(await asyncio.gather(*(content(context, track, start=start, end=end) for track in tracks)))


async def content(context: Context, track: Track, *, start: datetime, end: datetime) -> dict[str, Any]:
    """One track's content. Raises StoreUnavailableError."""
    said = {
        "picture": track.picture,
        "name": track.name,
        "unit": track.unit,
        "place": track.place,
        "limits": [[limit.value, limit.name] for limit in track.limits],
    }
    if track.picture == "line":
        buckets = await _buckets(context, track, start, end)
        points = [[milliseconds(b.time), b.mean, b.minimum, b.maximum] for b in buckets]
        return said | {"points": points, "values": []}
    texts = await readings.states(
        context.store,
        family=track.family,
        position=track.position,
        point=track.point,
        start=start,
        end=end,
    )
    if track.truth and len(texts) == readings.MAXIMUM_STATES:
        texts = from_buckets(await _buckets(context, track, start, end), end - start)
    spans = bands(track, texts, start=start, end=end)
    if track.picture == "marks":
        spans = marks(track, texts, start=start)
    return said | {"points": spans[0], "values": spans[1]}


def bands(
    track: Track, texts: Iterable[TextValue], *, start: datetime, end: datetime
) -> tuple[list[list[int]], list[dict[str, str]]]:
    """Each state with its span, from the start where it was in force before; the last one lasts to the end.
    A repeated state is one band."""
    shown = _Values(track)
    points: list[list[int]] = []
    last = milliseconds(end)
    for value in texts:
        at, which = milliseconds(max(value.time, start)), shown.place(value.text)
        if points and points[-1][2] == which:
            continue
        if points:
            points[-1][1] = at
        points.append([at, last, which])
    return [point for point in points if point[1] > point[0]], shown.said


def marks(
    track: Track, texts: Iterable[TextValue], *, start: datetime
) -> tuple[list[list[int]], list[dict[str, str]]]:
    """Each event from the start on; that a point says "no" (false, or an empty text) is none."""
    shown = _Values(track)
    points = [
        [milliseconds(value.time), shown.place(value.text)]
        for value in texts
        if value.time >= start and value.text and not (track.truth and value.text == "0")
    ]
    return points, shown.said


def from_buckets(buckets: Iterable[Bucket], span: timedelta) -> list[TextValue]:
    """A truth value that is told too often to be read whole, from the buckets of its numbers: where it was
    both within one, both are told."""
    half = span / STEPS / 2
    texts: list[TextValue] = []
    for bucket in buckets:
        texts.append(TextValue(bucket.time, f"{bucket.minimum:g}"))
        if bucket.maximum != bucket.minimum:
            texts.append(TextValue(bucket.time + half, f"{bucket.maximum:g}"))
    return texts


async def _buckets(context: Context, track: Track, start: datetime, end: datetime) -> list[Bucket]:
    return await readings.series(
        context.store,
        family=track.family,
        position=track.position,
        point=track.point,
        start=start,
        end=end,
        buckets=STEPS,
    )


class _Values:
    """The values that occur, in the order in which they came."""

    def __init__(self, track: Track) -> None:
        self._track = track
        self._places: dict[str, int] = {}
        self.said: list[dict[str, str]] = []

    def place(self, text: str) -> int:
        """The value's place in `said`."""
        value = _TRUTH.get(text, text) if self._track.truth else text
        if value not in self._places:
            self._places[value] = len(self.said)
            self.said.append(
                {
                    "name": self._track.words.get(value, value[:WORD_LENGTH]),
                    "tone": self._track.tones.get(value, f"calm-{len(self.said) % CALM_TONES}"),
                }
            )
        return self._places[value]
