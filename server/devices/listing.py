"""A page of the list of devices: chosen in SQL, with the readings of those alone that are shown.

Only a choice by freshness asks for everybody's readings, since no table knows it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.concurrency import run_in_threadpool

from server.context import Context
from server.devices import repository, search
from server.devices.search import AT_ONCE, Wanted
from server.devices.views import DeviceView, Latest, shown, state_of
from server.errors import StoreUnavailableError
from server.readings import service as readings
from server.users.viewer import Viewer


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`state` is a `Freshness`, or "" for all; pages are counted from 0."""

    q: str = ""
    family: str = ""
    state: str = ""
    page: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One page. `matching` is the number of all that match, `total` that of all there are; `complete` is
    false where the readings' store did not answer."""

    devices: tuple[DeviceView, ...]
    page: int
    pages: int
    matching: int
    total: int
    complete: bool


@dataclass(frozen=True, slots=True)
class _Choice:
    rows: Sequence[search.Held]
    page: int
    matching: int
    total: int


async def part(context: Context, viewer: Viewer, asked: Asked, *, now: datetime) -> Part:
    """The page that was asked for, or the last one where there are not so many."""
    wanted = Wanted(q=asked.q[:200], family=asked.family)
    if asked.state:
        everywhere, complete = await newest(context, None, now=now)
        choice = await run_in_threadpool(_by_state, context, wanted, asked, everywhere, now)
    else:
        complete = True
        choice = await run_in_threadpool(_chosen, context, wanted, asked)
    latest, answered = await newest(context, [row[1].id for row in choice.rows], now=now)
    devices = await run_in_threadpool(_views, context, viewer, choice.rows, latest, now)
    return Part(
        devices=tuple(devices),
        page=choice.page,
        pages=search.pages(choice.matching),
        matching=choice.matching,
        total=choice.total,
        complete=complete and answered,
    )


async def newest(
    context: Context, positions: Collection[str] | None, *, now: datetime
) -> tuple[Latest, bool]:
    """The newest readings of these positions (None: of all), and whether the store answered."""
    try:
        found = await readings.latest(context.store, context.catalogue, now=now, positions=positions)
    except StoreUnavailableError:
        return {}, False
    return found, True


def _chosen(context: Context, wanted: Wanted, asked: Asked) -> _Choice:
    with context.database.read() as session:
        found = search.window(session, context.catalogue, wanted, page=asked.page)
    return _Choice(found.rows, found.page, found.matching, found.total)


def _by_state(context: Context, wanted: Wanted, asked: Asked, latest: Latest, now: datetime) -> _Choice:
    known = context.catalogue
    with context.database.read() as session:
        total = search.count(session, known, Wanted())
        matching = [
            position
            for position, profile in search.keys(session, known, wanted)
            if state_of(known.get(profile), latest.get(position, ()), now=now) == asked.state
        ]
        page = min(asked.page, search.pages(len(matching)) - 1)
        shown_ids = matching[page * AT_ONCE : (page + 1) * AT_ONCE]
        rows = {row[1].id: row for row in repository.attached(session, position_ids=shown_ids)}
    return _Choice([rows[key] for key in shown_ids if key in rows], page, len(matching), total)


def _views(
    context: Context, viewer: Viewer, rows: Sequence[search.Held], latest: Latest, now: datetime
) -> list[DeviceView]:
    with context.database.read() as session:
        return shown(session, viewer, rows, catalogue=context.catalogue, latest=latest, now=now)
