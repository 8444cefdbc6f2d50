"""What the chart of a task shows: the readings at its positions around the event, and the event itself."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.concurrency import run_in_threadpool

from firmware_profiles import Profile
from server.context import Context
from server.devices import repository as devices
from server.tasks import views
from server.users.viewer import Viewer
from server.web.charts.content import contents
from server.web.charts.tracks import Track, has_data, telling, tracks_of
from server.web.formats import milliseconds
from server.web.i18n import say

AROUND: Final = timedelta(minutes=30)
BEFORE_AT_LEAST: Final = timedelta(minutes=2)
"""Shown before the event even where readings begin later, so that the event does not stand at the edge."""
AFTER_AT_LEAST: Final = timedelta(seconds=20)
MARKS: Final = 50
CANDIDATES: Final = 8
"""Tracks that are read to choose from, beside the alarms' own."""


async def around(
    context: Context, viewer: Viewer, task_id: int, *, language: str, now: datetime
) -> dict[str, Any]:
    """The chart's content; `said` where there is nothing to draw. Raises NotFoundError,
    StoreUnavailableError."""
    page, tracks, own = await run_in_threadpool(_asked, context, viewer, task_id, language)
    event_at = page.task.device_at
    start = event_at - AROUND
    end = max(min(now, event_at + AROUND), event_at + AFTER_AT_LEAST)
    filled = await contents(context, tracks, start=start, end=end)
    chosen = [filled[n] for n in telling(list(zip(tracks, filled, strict=True)), own)]
    still = "chart.still" if any(has_data(each) for each in filled) else "task.chart_empty"
    return {
        "start": max(milliseconds(start), beginning(chosen, milliseconds(event_at - BEFORE_AT_LEAST))),
        "end": milliseconds(end),
        "marks": sorted(
            {milliseconds(each.device_at) for each in page.occurrences if each.event == "occurred"}
        )[:MARKS],
        "tracks": chosen,
        "said": "" if chosen else say(language, still),
    }


def beginning(tracks: Sequence[Mapping[str, Any]], latest: int) -> int:
    """Where the picture begins: at the first reading, at the latest at `latest` (ms)."""
    firsts: list[int] = [each["points"][0][0] for each in tracks if has_data(each)]
    return min([latest, *firsts])


def candidates(
    attached: Sequence[tuple[Profile, str, str, Mapping[str, float]]],
    own: Sequence[tuple[str, str]],
    rules: Sequence[str],
    language: str,
) -> list[Track]:
    """The tracks to choose from: the alarms' `own` (position, point), then others, without the devices' own
    keep. `attached` are profile, position, its name, and the unit's parameters."""
    several = len({position for _, position, *_ in attached}) > 1
    tracks = [
        replace(track, place=place if several else "")
        for profile, position, place, parameters in attached
        for track in tracks_of(profile, position, language, parameters=parameters, rules=rules)
    ]
    mine = [track for track in tracks if (track.position, track.point) in own]
    others = [track for track in tracks if track not in mine and not track.is_housekeeping]
    return mine + others[:CANDIDATES]


def own_points(page: views.TaskPage, profiles: Mapping[str, Profile]) -> list[tuple[str, str]]:
    """Position and point of each alarm of the task, without repetition: of the newest occurrences what they
    tell, else what the profile's rule looks at."""
    told = {
        (each.position_id, each.rule): each.value["point"]
        for each in page.occurrences
        if each.value.get("point")
    }
    own: dict[tuple[str, str], None] = {}
    for alarm in page.alarms:
        profile = profiles.get(alarm.source_id)
        rules = {rule.key: rule.point for rule in profile.rule_templates()} if profile else {}
        point = told.get((alarm.source_id, alarm.rule)) or rules.get(alarm.rule)
        if point is not None:
            own[alarm.source_id, point] = None
    return list(own)


def _asked(
    context: Context, viewer: Viewer, task_id: int, language: str
) -> tuple[views.TaskPage, list[Track], list[tuple[str, str]]]:
    with context.database.read() as session:
        page = views.page(session, viewer, task_id, context.texts)
        attached = [
            (context.catalogue[device.profile], position.id, position.name, device.parameters)
            for device, position in devices.attached(
                session, position_ids=[position.id for position in page.positions]
            )
            if device.profile in context.catalogue
        ]
    own = own_points(page, {position: profile for profile, position, *_ in attached})
    rules = [alarm.rule for alarm in page.alarms]
    return page, candidates(attached, own, rules, language), own
