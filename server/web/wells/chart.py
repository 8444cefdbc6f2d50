"""A well's level over the last day, in metres above its bottom whatever the sensor tells, with the lines at
which somebody is called: those of the sensor's own rules, and the pre-alarm of the rules of wells."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.concurrency import run_in_threadpool

from server.context import Context
from server.db.models import Device
from server.devices.views import Latest
from server.errors import NotFoundError
from server.policies import service as policies
from server.users.viewer import Viewer
from server.web.charts.content import content, lately
from server.web.charts.tracks import Limit, Track, has_data, tracks_of
from server.web.formats import milliseconds, number
from server.web.i18n import say
from server.wells import views
from server.wells.levels import LevelPoint
from server.wells.policy import WellPolicy


@dataclass(frozen=True, slots=True)
class _Drawn:
    """What is to be drawn: the sensor's own track, how it tells a level, since when it is there, the line."""

    track: Track
    point: LevelPoint
    since: datetime
    prealarm: Limit | None


async def course(
    context: Context, viewer: Viewer, well_id: str, latest: Latest, *, language: str, now: datetime
) -> dict[str, Any]:
    """The chart's content; `said` where there is nothing to draw. Raises NotFoundError,
    StoreUnavailableError."""
    drawn = await run_in_threadpool(_asked, context, viewer, well_id, latest, language)
    start = lately(drawn.since, now)
    told = await content(context, drawn.track, start=start, end=now)
    track = in_metres(told, drawn.point, drawn.prealarm, name=say(language, "wells.level"))
    return {
        "start": milliseconds(start),
        "end": milliseconds(now),
        "marks": [],
        "tracks": [track],
        "said": "" if has_data(track) else say(language, "task.chart_empty"),
    }


def in_metres(
    told: Mapping[str, Any], point: LevelPoint, prealarm: Limit | None, *, name: str
) -> dict[str, Any]:
    """What the sensor told, as levels in metres: a distance downwards turns over, with its rules' limits."""

    def metres(value: float) -> float:
        return round(point.level(value) / 1000, 3)

    points = [
        [at, metres(mean), *sorted((metres(least), metres(most)))] for at, mean, least, most in told["points"]
    ]
    limits = [[metres(value), rule] for value, rule in told["limits"]]
    if prealarm is not None:
        limits.append([prealarm.value, prealarm.name])
    return {**told, "name": name, "unit": "m", "points": points, "limits": limits}


def _asked(context: Context, viewer: Viewer, well_id: str, latest: Latest, language: str) -> _Drawn:
    with context.database.read() as session:
        well = views.one(session, viewer, well_id, catalogue=context.catalogue, latest=latest)
        if well.level_of is None:
            raise NotFoundError(f"no sensor tells a level of the well {well_id!r}")
        device_id, point = well.level_of
        device = session.get_one(Device, device_id)
        percent = policies.current(session, WellPolicy).prealarm_percent
    tracks = tracks_of(
        context.catalogue[device.profile], point.position_id, language, parameters=device.parameters
    )
    height = well.water.prealarm_mm if well.water is not None else None
    return _Drawn(
        track=next(track for track in tracks if track.point == point.point),
        point=point,
        since=device.created_at,
        prealarm=None
        if height is None
        else Limit(round(height / 1000, 3), say(language, "wells.prealarm_at", percent=number(percent))),
    )
