"""Where a task plays: whose home, which areas are around it, and the stations in whose circle it lies."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from math import cos, radians
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.db.models import Area, Position, Resident, Station, Task, Well
from server.dispatch.playbooks import SUBDISTRICT
from server.places.ground import Place, metres
from server.tasks import kinds
from server.users import areas
from server.users.roles import Role

DEGREE_M: Final = 111_320
"""Metres in a degree of latitude, rounded up a little: for boxes that are looked into more closely."""


@dataclass(frozen=True)
class Scene:
    """A task's surroundings at a moment; each part is looked up when it is first asked for."""

    session: Session
    task: Task
    now: datetime

    @cached_property
    def areas(self) -> tuple[str, ...]:
        """The area of the subject and those around it, the smallest first."""
        return areas.path(self.session, self.task.area_id)

    @cached_property
    def subdistricts(self) -> Sequence[str]:
        """Those of the areas that are subdistricts: one, or none in a tree without."""
        query = select(Area.id).where(Area.id.in_(self.areas), Area.kind == SUBDISTRICT)
        return self.session.scalars(query).all()

    @cached_property
    def workers(self) -> frozenset[Role]:
        """The roles that work on tasks of this kind."""
        return kinds.working_on(self.session, self.task.kind)

    @property
    def resident_id(self) -> str | None:
        """Whose home it is, if it is one."""
        return self._home[0]

    @property
    def place(self) -> Place | None:
        """Where it is, if that is known."""
        return self._home[1]

    @cached_property
    def stations(self) -> Sequence[str]:
        """The stations whose circle contains the place, the nearest first."""
        if self.place is None:
            return ()
        latitude, longitude = self.place
        box = select(Station.id, Station.latitude, Station.longitude, Station.radius_m).where(
            func.abs(Station.latitude - latitude) * DEGREE_M <= Station.radius_m * 1.01,
            func.abs(Station.longitude - longitude) * DEGREE_M * cos(radians(latitude))
            <= Station.radius_m * 1.01,
        )
        found = [
            (far, row.id)
            for row in self.session.execute(box)
            if (far := metres(self.place, (row.latitude, row.longitude))) <= row.radius_m
        ]
        return [station_id for _, station_id in sorted(found)]

    @cached_property
    def _home(self) -> tuple[str | None, Place | None]:
        task = self.task
        match task.subject_kind:
            case "resident":
                return task.subject_id, _place(self.session, Resident, task.subject_id)
            case "well":
                return None, _place(self.session, Well, task.subject_id)
            case "position":
                position = self.session.get(Position, task.subject_id)
                return (None, None) if position is None else self._of(position)
            case _:
                return None, None

    def _of(self, position: Position) -> tuple[str | None, Place | None]:
        place = _place(self.session, Position, position.id)
        if place is None and position.resident_id is not None:
            place = _place(self.session, Resident, position.resident_id)
        if place is None and position.well_id is not None:
            place = _place(self.session, Well, position.well_id)
        return position.resident_id, place


def _place(session: Session, model: type[Resident | Well | Position], key: str) -> Place | None:
    row = session.execute(select(model.latitude, model.longitude).where(model.id == key)).one_or_none()
    if row is None or row.latitude is None or row.longitude is None:
        return None
    return row.latitude, row.longitude
