"""Who keeps the record of unprotected times: a round each half minute, and at once where something happens.

One server process at a time makes the rounds (a row in the database decides); all of them follow what
happens: a gateway's fault, a sensor's silence, a signed test, a device put up or taken away.
"""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.clock import now
from server.context import Context
from server.coverage import spans
from server.coverage.heard import Heard
from server.coverage.policy import CoveragePolicy
from server.coverage.spans import BEAT, JUDGED_TO
from server.db.base import table_of
from server.db.database import Change
from server.db.models import Attachment, Device, Heartbeat, Position, Task, Window
from server.db.upsert import insert_missing
from server.errors import StoreUnavailableError
from server.policies.service import current
from server.supervision import survived

log = structlog.get_logger(__name__)
EVERY: Final = timedelta(seconds=20)
"""A gap is in the record within half a minute, the time of a round included."""
GATHER_S: Final = 0.3
"""Changes of one transaction, or of an import, are looked at together."""


class Watch:
    """Keeps `unprotected_spans`. `async with TaskGroup: watch.run()`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._heard = Heard()
        self._started = now()
        self._store_down = False
        self._judged_to: datetime | None = None

    async def run(self) -> None:
        """Rounds and follows until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._rounds(), name="coverage-rounds")
            group.create_task(self._follow(), name="coverage-follow")

    async def round(self, moment: datetime) -> bool:
        """One round over everybody; whether it was this process's turn. Raises StoreUnavailableError where
        the database does not answer."""
        if not await asyncio.to_thread(self._claim, moment):
            return False
        try:
            await self._heard.refresh(self._context.store, self._context.catalogue, now=moment)
            self._store_down = False
        except StoreUnavailableError as error:
            if not self._store_down:
                log.warning("coverage_without_readings", detail=error.message[:300])
            self._store_down = True
        await asyncio.to_thread(self._judge, None, moment)
        self._judged_to = moment
        return True

    async def look(self, changes: Collection[Change], moment: datetime) -> None:
        """Judges at once whom these changes concern."""
        residents = await asyncio.to_thread(self._concerned, changes)
        if residents:
            await asyncio.to_thread(self._judge, residents, moment)

    async def _rounds(self) -> None:
        while True:
            with survived("coverage_round_failed"):
                await self.round(now())
            await asyncio.sleep(EVERY.total_seconds() / 2)

    async def _follow(self) -> None:
        with self._context.bus.subscribe() as changes:
            while (change := await changes.next()) is not None:
                gathered = {change}
                with suppress(TimeoutError):  # all that came together is here
                    async with asyncio.timeout(GATHER_S):
                        while (more := await changes.next()) is not None:
                            gathered.add(more)
                with survived("coverage_not_followed"):
                    await self.look(gathered, now())

    def _judge(self, residents: Collection[str] | None, moment: datetime) -> None:
        context = self._context
        known = self._heard.is_known and not self._store_down
        with context.database.read() as session:
            grace = timedelta(seconds=current(session, CoveragePolicy).restart_grace_s)
            change = spans.judge(
                session,
                catalogue=context.catalogue,
                values=self._heard.values if known else None,
                opens_silence=moment - self._started >= grace,
                now=moment,
                resident_ids=residents,
            )
        spans.keep(context.database, change, now=moment)

    def _claim(self, moment: datetime) -> bool:
        """Whether this process makes the round. It tells until when its last one has come: a round that
        failed has judged nobody."""
        table = table_of(Heartbeat)
        with self._context.database.read() as session:
            at = session.scalar(select(Heartbeat.at).where(Heartbeat.name == BEAT))
            known = max(filter(None, (spans.judged_to(session), self._judged_to)), default=None)
        if at is not None and abs(moment - at) < EVERY * 0.9:  # a clock may have been set back
            return False
        with self._context.database.write() as session:
            if at is None:
                first = {"name": BEAT, "at": moment, "detail": {}}
                return bool(insert_missing(session, Heartbeat, [first], index=("name",)))
            taken = session.connection().execute(
                update(table)
                .where(table.c.name == BEAT, table.c.at == at)
                .values(at=moment, detail={} if known is None else {JUDGED_TO: known.isoformat()})
            )
            return bool(taken.rowcount)

    def _concerned(self, changes: Collection[Change]) -> set[str]:
        """The residents whose protection these changes may touch."""
        tasks = {int(change.id) for change in changes if change.kind == "task" and change.what in _OF_TASKS}
        gateways = {change.id for change in changes if change.kind == "desired"}
        positions = {change.id for change in changes if change.kind == "position"}
        windows = {int(change.id) for change in changes if change.kind == "window"}
        if not (tasks or gateways or positions or windows):
            return set()
        with self._context.database.read() as session:
            for kind, subject in session.execute(
                select(Task.subject_kind, Task.subject_id).where(
                    Task.id.in_(tasks), Task.kind == "maintenance"
                )
            ):
                (gateways if kind == "gateway" else positions).add(subject)
            homes: set[str] = set()
            declared = select(Window.scope_kind, Window.scope_id).where(Window.id.in_(windows))
            for kind, scope in session.execute(declared):
                if kind in ("resident", "position"):
                    (homes if kind == "resident" else positions).add(scope)
            return homes | _residents_at(session, positions=positions, gateways=gateways)


_OF_TASKS: Final = frozenset({"opened", "recurred", "cleared"})


def _residents_at(session: Session, *, positions: Collection[str], gateways: Collection[str]) -> set[str]:
    at = select(Position.resident_id).where(Position.resident_id.is_not(None))
    through = (
        at.join(Attachment, Attachment.position_id == Position.id)
        .join(Device, Device.id == Attachment.device_id)
        .where(Attachment.until.is_(None), Device.gateway_id.in_(gateways))
    )
    found = set(session.scalars(at.where(Position.id.in_(positions)))) if positions else set()
    if gateways:
        found |= set(session.scalars(through))
    return {resident for resident in found if resident is not None}
