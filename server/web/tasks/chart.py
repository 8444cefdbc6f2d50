"""What the chart of a task shows: the readings at its positions around the event, and the event itself."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.concurrency import run_in_threadpool

from firmware_profiles import Point, Profile
from server.context import Context
from server.devices import repository as devices
from server.readings import service as readings
from server.tasks import views
from server.users.viewer import Viewer
from server.web.formats import milliseconds, unit
from server.web.i18n import say

AROUND: Final = timedelta(minutes=30)
LINES: Final = 3
"""More lines than this in one small picture say less."""
CANDIDATES: Final = 8
"""Curves that are fetched to choose from."""
_NO_CURVE: Final = ("battery", "voltage", "linkquality", "rssi", "snr", "signal")


@dataclass(frozen=True, slots=True)
class Line:
    """One curve to draw."""

    family: str
    position: str
    point: str
    name: str
    unit: str
    steps: bool
    labels: tuple[str, str] | None = None  # the words for 0 and 1


async def around(
    context: Context, viewer: Viewer, task_id: int, *, language: str, now: datetime
) -> dict[str, Any]:
    """The chart's content. Raises NotFoundError, StoreUnavailableError."""
    page, lines = await run_in_threadpool(_lines, context, viewer, task_id, language)
    event_at = page.task.device_at
    start = event_at - AROUND
    end = min(max(now, start + timedelta(minutes=1)), event_at + AROUND)
    return {
        "start": milliseconds(start),
        "end": milliseconds(end),
        "marks": sorted(
            {milliseconds(each.device_at) for each in page.occurrences if each.event == "occurred"}
        )[:50],
        "lines": telling([await curve(context, line, start=start, end=end) for line in lines]),
    }


def telling(curves: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The curves worth showing: those that move, in order; where none does, the first with points."""
    drawn = [each for each in curves if each["points"]]
    moving = [each for each in drawn if len({mean for _, mean, *_ in each["points"]}) > 1]
    return moving[:LINES] or drawn[:1]


async def curve(context: Context, line: Line, *, start: datetime, end: datetime) -> dict[str, Any]:
    """One curve's name, unit and points of [ms, mean, minimum, maximum]."""
    buckets = await readings.series(
        context.store,
        family=line.family,
        position=line.position,
        point=line.point,
        start=start,
        end=end,
        buckets=360,
    )
    return {
        "name": line.name,
        "unit": line.unit,
        "steps": line.steps,
        "labels": line.labels,
        "points": [
            [milliseconds(bucket.time), bucket.mean, bucket.minimum, bucket.maximum] for bucket in buckets
        ],
    }


def lines_of(profile: Profile, position: str, language: str, *, first: str | None = None) -> list[Line]:
    """The curves that a device of this profile has: measures and truth values, `first` before the others."""
    drawn = [
        (name, point)
        for name, point in profile.points.items()
        if (point.kind == "measure" or point.is_boolean) and point.kind != "event"
    ]
    drawn.sort(key=lambda item: (item[0] != first, item[1].kind != "measure"))
    return [
        Line(
            family=profile.family,
            position=position,
            point=name,
            name=getattr(point.name, language),
            unit=unit(point.unit),
            steps=point.is_boolean,
            labels=_labels(point, language) if point.is_boolean else None,
        )
        for name, point in drawn
    ]


def _labels(point: Point, language: str) -> tuple[str, str]:
    no, yes = point.values.get("false"), point.values.get("true")
    return (
        getattr(no, language) if no else say(language, "value.false"),
        getattr(yes, language) if yes else say(language, "value.true"),
    )


def _lines(
    context: Context, viewer: Viewer, task_id: int, language: str
) -> tuple[views.TaskPage, list[Line]]:
    with context.database.read() as session:
        page = views.page(session, viewer, task_id, context.texts)
        attached = devices.attached(session, position_ids=[position.id for position in page.positions])
    asked = {occurrence.position_id: occurrence.value.get("point") for occurrence in page.occurrences}
    lines = [
        line
        for device, position in attached
        if device.profile in context.catalogue
        for line in lines_of(
            context.catalogue[device.profile], position.id, language, first=asked.get(position.id)
        )
        if not line.point.startswith(_NO_CURVE) or line.point == asked.get(position.id)
    ]
    lines.sort(key=lambda line: line.point != asked.get(line.position))
    return page, lines[:CANDIDATES]
