"""What a person sees of a task: its subject and place, masked where the role may not know them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Row, Select, bindparam, select
from sqlalchemy.orm import Session

from server.alarms import repository as alarms
from server.alarms.texts import RuleTexts
from server.db.base import Base, table_of
from server.db.models import (
    Alarm,
    Area,
    Contact,
    Gateway,
    Occurrence,
    Position,
    Resident,
    Task,
    TaskEvent,
    User,
    Well,
)
from server.notify import deliveries
from server.residents import contacts
from server.residents.absences import Away, away
from server.tasks import acts, history, kinds, photos, repository, watching
from server.tasks.history import Moment, Sent, TimelineEntry
from server.tasks.policy import Cause, Kind, Outcome, TaskPolicy
from server.tasks.states import UNANSWERED, TaskAction, TaskState, possible
from server.users.roles import Role
from server.users.viewer import Viewer
from server.windows import repository as windows

MASK = "**"
_OUTSIDE = ("id", "name", "address", "latitude", "longitude", "risk")
_CALLED = (
    select(Contact.resident_id, Contact.name, Contact.phone)
    .where(Contact.resident_id.in_(bindparam("ids", expanding=True)))
    .order_by(Contact.rank, Contact.id)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who or what a task is about. The fields from `access` on are empty where the viewer may not see them,
    in lists and in ended tasks, or where there is nothing to say. `masked` tells the first."""

    kind: str
    id: str
    name: str
    address: str
    latitude: float | None = None
    longitude: float | None = None
    masked: bool = False
    access: str = ""
    phone: str = ""
    contact: str = ""
    notes: str = ""
    risk: str = ""
    born: int | None = None
    away: Away | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """A line of the task list. `names` is what the task is called, by language. A `muted` one was declared as
    work (`muted_for` says what): nobody is told of it; one opened `during` work
    was put to whoever declared it first; a `test` is a drill's."""

    id: int
    kind: str
    severity: str
    state: TaskState
    rule: str
    names: dict[str, str]
    subject: Subject
    area: str
    occurrences: int
    late: bool
    clock_trusted: bool
    device_at: datetime
    gateway_at: datetime
    created_at: datetime
    told_at: datetime | None = None  # of one that was muted or late before
    last_at: datetime
    acknowledged_at: datetime | None
    departed_at: datetime | None
    arrived_at: datetime | None
    resolved_at: datetime | None
    closed_at: datetime | None
    assignee_id: int | None
    assignee: str | None
    outcome: str | None
    version: int
    test: bool = False
    muted: bool = False
    muted_for: str = ""
    during: str = ""
    parent_id: int | None = None
    kind_names: dict[str, str]
    kind_icon: str
    kind_colour: str
    goes_there: bool  # somebody has to go: not a task for the telephone alone
    outcome_names: dict[str, str] | None
    cause: str | None
    cause_names: dict[str, str] | None
    level: str
    due_at: datetime | None
    snoozed_until: datetime | None
    review: str | None
    reviewed_at: datetime | None
    unheard_at: datetime | None = None  # a further emergency came, and its holder has not answered
    unanswered_at: datetime | None = None  # the whole playbook was told and nobody has it
    actions: tuple[TaskAction, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """A task that this one follows, or that follows it."""

    id: int
    kind_names: dict[str, str]
    state: str
    due_at: datetime | None
    is_parent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPage:
    """All of one task. `advise` is what to do, by language; `positions` those that its alarms stand at."""

    task: TaskView
    advise: dict[str, str]
    timeline: tuple[TimelineEntry, ...]
    alarms: tuple[Alarm, ...]
    occurrences: tuple[Occurrence, ...]
    positions: tuple[Position, ...]
    sends: tuple[Sent, ...] = ()
    history: tuple[Moment, ...] = ()
    linked: tuple[Linked, ...] = ()
    watchers: tuple[str, ...] = ()
    watching: bool = False
    photos: bool = False


def views(
    session: Session,
    viewer: Viewer,
    tasks: Sequence[Task | Row[Any]],
    texts: RuleTexts,
    *,
    opened: datetime | None = None,
) -> list[TaskView]:
    """The tasks as this person sees them: a fixed number of queries, however many tasks. With `opened` (now)
    those that are not ended carry their residents' details: whoever asks for that writes the look down."""
    policy = kinds.policy(session)
    subjects = _subjects(session, viewer, tasks, opened)
    areas = _names(session, Area, {task.area_id for task in tasks})
    people = _names(session, User, {task.assignee_id for task in tasks if task.assignee_id is not None})
    work = windows.reasons(session, [task.id for task in tasks if task.muted or task.severity == "critical"])
    return [
        TaskView(
            id=task.id,
            kind=task.kind,
            severity=task.severity,
            state=TaskState(task.state),
            rule=task.rule,
            names=texts.names(task.rule),
            subject=subjects[task.subject_kind, task.subject_id],
            area=areas.get(task.area_id, ""),
            occurrences=task.occurrences,
            late=task.late,
            clock_trusted=task.clock_trusted,
            device_at=task.device_at,
            gateway_at=task.gateway_at,
            created_at=task.created_at,
            told_at=task.told_at,
            last_at=task.last_at,
            acknowledged_at=task.acknowledged_at,
            departed_at=task.departed_at,
            arrived_at=task.arrived_at,
            resolved_at=task.resolved_at,
            closed_at=task.closed_at,
            assignee_id=task.assignee_id,
            assignee=people.get(task.assignee_id) if task.assignee_id is not None else None,
            outcome=task.outcome,
            version=task.version,
            test=task.test,
            muted=task.muted,
            muted_for=work.get(task.id, "") if task.muted else "",
            during="" if task.muted else work.get(task.id, ""),
            parent_id=task.parent_id,
            **_by_policy(policy, task),
            level=task.level,
            due_at=task.due_at,
            snoozed_until=task.snoozed_until,
            unheard_at=task.unheard_at,
            unanswered_at=task.unanswered_at if task.state in UNANSWERED else None,
            review=task.review,
            reviewed_at=task.reviewed_at,
            actions=_actions(viewer, task),
        )
        for task in tasks
    ]


def page(
    session: Session, viewer: Viewer, task_id: int, texts: RuleTexts, *, opened: datetime | None = None
) -> TaskPage:
    """Everything about one task; with `opened` as in `views`. Raises NotFoundError."""
    task = repository.seen_by(session, viewer, task_id)
    timeline = _timeline(session, repository.timeline(session, task_id))
    sends = tuple(
        Sent(
            person=name,
            channel=row.channel,
            kind=kind,
            state=row.state,
            at=row.ended_at or row.sent_at or row.created_at,
            error=row.error,
        )
        for row, name, kind in deliveries.of_task(session, task_id)
    )
    following = watching.watchers(session, task_id)
    of_task = tuple(alarms.of_task(session, task_id))
    position_ids = {alarm.source_id for alarm in of_task if alarm.source_kind == "position"}
    return TaskPage(
        task=views(session, viewer, [task], texts, opened=opened)[0],
        advise={language: texts.advise(task.rule, language) for language in ("zh", "en")},
        timeline=timeline,
        alarms=of_task,
        occurrences=tuple(alarms.occurrences_of(session, [alarm.id for alarm in of_task])),
        positions=tuple(session.scalars(select(Position).where(Position.id.in_(position_ids)))),
        sends=sends,
        history=history.merged(timeline, sends, history.steps_of(session, task_id)),
        linked=_linked(session, viewer, task),
        watchers=tuple(user.name for user in following),
        watching=any(user.id == viewer.user_id for user in following),
        photos=photos.visible(viewer, task),
    )


def _linked(session: Session, viewer: Viewer, task: Task) -> tuple[Linked, ...]:
    policy = kinds.policy(session)
    return tuple(
        Linked(
            id=other.id,
            kind_names=_names_of(policy.kind(other.kind)),
            state=other.state,
            due_at=other.due_at,
            is_parent=other.id == task.parent_id,
        )
        for other in repository.linked(session, viewer, task)
    )


def _by_policy(policy: TaskPolicy, task: Task | Row[Any]) -> dict[str, Any]:
    kind = policy.kind(task.kind)
    return {
        "kind_names": _names_of(kind),
        "kind_icon": kind.icon,
        "kind_colour": kind.colour,
        "goes_there": kind.arrive,
        "outcome_names": None if task.outcome is None else _names_of(policy.outcome(task.outcome)),
        "cause": task.cause,
        "cause_names": None if task.cause is None else _names_of(policy.cause(task.cause)),
    }


def _names_of(each: Kind | Outcome | Cause) -> dict[str, str]:
    return {"zh": each.zh, "en": each.en}


def _timeline(session: Session, events: Sequence[TaskEvent]) -> tuple[TimelineEntry, ...]:
    assigned = {event.detail.get("assignee_id") for event in events}
    told = {user_id for event in events for user_id in event.detail.get("people", ())}
    people = _names(session, User, {event.actor_id for event in events} | assigned | told)
    return tuple(
        TimelineEntry(
            at=event.at,
            actor=people.get(event.actor_id),
            action=event.action,
            from_state=event.from_state,
            to_state=event.to_state,
            detail={
                **event.detail,
                "assignee": people.get(event.detail.get("assignee_id")),
                "told": [people.get(user_id) for user_id in event.detail.get("people", ())],
            },
        )
        for event in events
    )


def _actions(viewer: Viewer, task: Task | Row[Any]) -> tuple[TaskAction, ...]:
    return tuple(action for action in possible(TaskState(task.state)) if acts.may(viewer, task, action))


def _subjects(
    session: Session, viewer: Viewer, tasks: Sequence[Task | Row[Any]], opened: datetime | None
) -> dict[tuple[str, str], Subject]:
    wanted: dict[str, set[str]] = {}
    for task in tasks:
        wanted.setdefault(task.subject_kind, set()).add(task.subject_id)
    found: dict[tuple[str, str], Subject] = {}
    live = {task.subject_id for task in tasks if task.subject_kind == "resident" and not task.closed_at}
    shown = live if opened is not None and viewer.unmasked else set()
    called = _contacts(session, shown)
    absent = away(session, shown, opened) if opened is not None else {}
    columns = () if shown else _OUTSIDE  # what is sealed costs opening: only where it is shown
    for resident in _rows(session, Resident, wanted.get("resident", set()), *columns):
        seen = _resident(viewer, resident)
        if resident.id in shown:
            seen = replace(
                seen,
                access=resident.access,
                phone=resident.phone,
                contact=contacts.text(called.get(resident.id, ())),
                notes=resident.notes,
                born=resident.born,
                away=absent.get(resident.id),
            )
        found["resident", resident.id] = seen
    for well in _rows(session, Well, wanted.get("well", set())):
        found["well", well.id] = Subject(
            kind="well",
            id=well.id,
            name=well.name,
            address=well.address,
            latitude=well.latitude,
            longitude=well.longitude,
        )
    positions = _rows(session, Position, wanted.get("position", set()))
    homes_of = {position.resident_id for position in positions}
    homes = {home.id: home for home in _rows(session, Resident, homes_of, "id", "address")}
    for position in positions:
        home = homes.get(position.resident_id)
        found["position", position.id] = Subject(
            kind="position",
            id=position.id,
            name=position.name,
            # Whoever changes a battery must find the door; who lives behind it is not told.
            address=home.address if home and viewer.role is not Role.WALL else "",
            latitude=position.latitude,
            longitude=position.longitude,
        )
    for gateway in _rows(session, Gateway, wanted.get("gateway", set())):
        found["gateway", gateway.id] = Subject(kind="gateway", id=gateway.id, name=gateway.name, address="")
    for task in tasks:
        key = (task.subject_kind, task.subject_id)
        found.setdefault(key, Subject(kind=key[0], id=key[1], name=key[1], address=""))
    return found


def _contacts(session: Session, ids: set[str]) -> dict[str, list[Any]]:
    if not ids:
        return {}
    found: dict[str, list[Any]] = {}
    for row in session.connection().execute(_CALLED, {"ids": list(ids)}):
        found.setdefault(row.resident_id, []).append(row)
    return found


def _resident(viewer: Viewer, resident: Row[Any]) -> Subject:
    if not viewer.unmasked:
        return Subject(
            kind="resident", id=resident.id, name=resident.name[:1] + MASK, address=MASK, masked=True
        )
    return Subject(
        kind="resident",
        id=resident.id,
        name=resident.name,
        address=resident.address,
        latitude=resident.latitude,
        longitude=resident.longitude,
        risk=resident.risk,
    )


def _rows(session: Session, model: type[Base], ids: set[Any], *columns: str) -> Sequence[Row[Any]]:
    """Rows, not objects: what is only looked at need not be watched for changes. All columns, or these."""
    known = [i for i in ids if i is not None]
    return session.connection().execute(_by_ids(model, columns), {"ids": known}).all() if known else ()


@cache
def _by_ids(model: type[Base], columns: tuple[str, ...]) -> Select[Any]:
    table = table_of(model)
    wanted = [table.c[name] for name in columns] if columns else [table]
    return select(*wanted).where(table.c.id.in_(bindparam("ids", expanding=True)))


def _names(session: Session, model: type[Base], ids: set[Any]) -> dict[Any, str]:
    return {row.id: row.name for row in _rows(session, model, ids, "id", "name")}
