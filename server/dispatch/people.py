"""Who a step means today, from what is known of people: roles, rosters, places, skills, keys, kinship.

Only people who work on tasks of this kind in this area are told by their role; family, neighbours, holders
of keys, staff of a station, volunteers nearby and named people are told because they are chosen for this
home, whatever their area. What a community could not solve goes to the desks of the subdistrict: those of
the community had it.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, false, or_, select
from sqlalchemy.orm import Session

from server.db.models import Consent, Contact, KeyHolder, Responder, Skill, Task, User
from server.dispatch.core import Ask, Who, WhoKind
from server.dispatch.playbooks import SUBDISTRICT
from server.dispatch.scene import Scene
from server.places.ground import metres
from server.rosters import duty
from server.users.roles import LINKS_ONLY, RIGHTS, TASK_KINDS, WORKERS, Right, Role
from server.windows import repository as windows

FAMILY: Final = ("family",)
NEIGHBOURS: Final = ("neighbour", "friend")
_RELATIONS: Final = {WhoKind.FAMILY: FAMILY, WhoKind.NEIGHBOUR: NEIGHBOURS}
BY_TELEPHONE: Final = {
    WhoKind.FAMILY: Ask.CALL_FAMILY,
    WhoKind.NEIGHBOUR: Ask.CALL_NEIGHBOUR,
    WhoKind.KEY_HOLDER: Ask.CALL_KEY_HOLDER,
}
"""Who may be known by their telephone alone, and what the desk is then asked to do."""
DESKS: Final = frozenset(role for role in WORKERS if Right.ASSIGN_TASKS in RIGHTS[role])
"""The roles that decide who goes: there are some at each level."""


def found(session: Session, task: Task, who: Who, *, now: datetime) -> list[User]:
    """The people that `who` means for this task; the nearest first where distance counts."""
    return _FIND[who.kind](Scene(session, task, now), who)


def by_telephone(session: Session, task: Task, kind: WhoKind, *, now: datetime) -> list[tuple[str, str]]:
    """Those whom a step means and who can only be called: name and number, in the order in which they want to
    be. Nobody where the resident has taken back that they may be told."""
    scene = Scene(session, task, now)
    if task.subject_kind != "resident" or scene.resident_id is None or kind not in BY_TELEPHONE:
        return []
    found: dict[str, tuple[str, str]] = {}
    if not _is_private(scene, scene.resident_id):
        query = select(Contact).where(Contact.resident_id == scene.resident_id)
        wanted = _RELATIONS.get(kind)
        query = query.where(Contact.holds_key if wanted is None else Contact.relation.in_(wanted))
        for row in session.scalars(query.order_by(Contact.rank, Contact.id)):
            if row.phone:
                found.setdefault(row.phone, (row.name, row.phone))
    if kind is WhoKind.KEY_HOLDER:
        for user in _key_holder(scene, Who(kind=kind)):
            if user.phone:
                found.setdefault(user.phone, (user.name, user.phone))
    return list(found.values())


def everybody(session: Session, task: Task, *, now: datetime) -> list[User]:
    """All who work on tasks of this kind here and at its level; where there is nobody, at any level;
    where there is nobody here, anywhere."""
    scene = Scene(session, task, now)
    for query in (_workers(scene), _able(scene, WORKERS).where(_here(scene)), _able(scene, WORKERS)):
        if those := list(session.scalars(query)):
            return those
    return []


def _able(scene: Scene, roles: Iterable[Role]) -> Select[User]:
    """Those of `roles` who may work on tasks of this kind, wherever."""
    helping = {role for role in LINKS_ONLY if scene.task.kind in TASK_KINDS[role]}
    fitting = sorted((scene.workers | helping) & set(roles))
    return select(User).where(User.disabled_at.is_(None), User.role.in_(fitting)).order_by(User.id)


def _workers(scene: Scene, *others: Role) -> Select[User]:
    """Those who work on tasks of this kind here, at the task's level."""
    query = _able(scene, (*WORKERS, *others)).where(_here(scene))
    if scene.task.level != SUBDISTRICT:
        return query
    above = or_(User.area_id.is_(None), User.area_id.in_(scene.subdistricts))
    return query.where(or_(above, User.role.not_in(DESKS)))


def _here(scene: Scene) -> ColumnElement[bool]:
    """Of no area, or of one around the subject's."""
    return or_(User.area_id.is_(None), User.area_id.in_(scene.areas))


def _role(scene: Scene, who: Who) -> list[User]:
    return list(scene.session.scalars(_workers(scene).where(User.role == who.value)))


def _duty(scene: Scene, who: Who) -> list[User]:
    """By the roster, or said to be on duty whatever the roster says; everybody with the role where nobody
    is."""
    rostered = duty.users(who.value, scene.areas, scene.stations, scene.now)
    said = and_(User.role == who.value, User.id.in_(select(Responder.user_id).where(Responder.on_duty)))
    on = _workers(scene).where(or_(said, User.id.in_(rostered)))
    return list(scene.session.scalars(on)) or _role(scene, who)


def _area(scene: Scene, who: Who) -> list[User]:
    """Those whose area is the smallest one around the subject that has any."""
    mine = _able(scene, WORKERS).where(User.role == who.value, User.area_id.in_(scene.areas))
    people = list(scene.session.scalars(mine))
    smallest = min((scene.areas.index(user.area_id or "") for user in people), default=0)
    return [user for user in people if user.area_id == scene.areas[smallest]]


def _person(scene: Scene, who: Who) -> list[User]:
    query = _able(scene, Role).where(User.login == who.value, _may_know(scene))
    return list(scene.session.scalars(query))


def _nearby(scene: Scene, who: Who) -> list[User]:
    query = _able(scene, (*WORKERS, Role.VOLUNTEER)).where(Responder.volunteer)
    if who.skill:
        query = query.where(User.id.in_(select(Skill.user_id).where(Skill.skill == who.skill)))
    return _by_distance(scene, query, within_m=int(who.value))


def _skill(scene: Scene, who: Who) -> list[User]:
    able = select(Skill.user_id).where(Skill.skill == who.value)
    return _by_distance(scene, _workers(scene, Role.VOLUNTEER).where(User.id.in_(able)), within_m=who.metres)


def _by_distance(scene: Scene, query: Select[User], *, within_m: int | None) -> list[User]:
    """The people of `query`, the nearest first. Without a limit also those whose place is not known, last."""
    rows = scene.session.execute(
        query.outerjoin(Responder, Responder.user_id == User.id).add_columns(
            Responder.latitude, Responder.longitude
        )
    )
    near: list[tuple[float, User]] = []
    elsewhere: list[User] = []
    for row in rows:
        if scene.place is None or row.latitude is None or row.longitude is None:
            elsewhere.append(row.User)
        else:
            near.append((metres(scene.place, (row.latitude, row.longitude)), row.User))
    near.sort(key=lambda pair: pair[0])
    if within_m is not None:
        return [user for far, user in near if far <= within_m]
    return [user for _, user in near] + elsewhere


def _station(scene: Scene, _who: Who) -> list[User]:
    order = {station_id: place for place, station_id in enumerate(scene.stations)}
    if not order:
        return []
    people = scene.session.scalars(_able(scene, WORKERS).where(User.station_id.in_(order)))
    return sorted(people, key=lambda user: (order[user.station_id or ""], user.id))


def _family(scene: Scene, _who: Who) -> list[User]:
    return _contacts(scene, FAMILY)


def _neighbour(scene: Scene, _who: Who) -> list[User]:
    return _contacts(scene, NEIGHBOURS)


def _contacts(scene: Scene, relations: tuple[str, ...]) -> list[User]:
    """A resident's contacts who are also people here, in their order. Where the resident has taken back
    that they may be told, nobody."""
    if scene.resident_id is None or _is_private(scene, scene.resident_id):
        return []
    query = _able(scene, (*WORKERS, Role.RELATIVE)).join(Contact, Contact.user_id == User.id)
    query = query.where(Contact.resident_id == scene.resident_id, Contact.relation.in_(relations))
    rows = scene.session.scalars(query.order_by(None).order_by(Contact.rank, Contact.id))
    return list(dict.fromkeys(rows))


def _key_holder(scene: Scene, _who: Who) -> list[User]:
    if scene.resident_id is None:
        return []
    holders = select(KeyHolder.user_id).where(KeyHolder.resident_id == scene.resident_id)
    contacts = select(Contact.user_id).where(
        Contact.resident_id == scene.resident_id, Contact.holds_key, Contact.user_id.is_not(None)
    )
    conditions: list[ColumnElement[bool]] = [User.id.in_(holders)]
    if not _is_private(scene, scene.resident_id):
        conditions.append(User.id.in_(contacts))
    query = _able(scene, Role).where(or_(*conditions), _may_know(scene))
    return list(scene.session.scalars(query))


def _crew(scene: Scene, _who: Who) -> list[User]:
    """Whoever declared the work that runs at the home now."""
    if scene.resident_id is None:
        return []
    declared = windows.at_home(scene.session, scene.resident_id, now=scene.now)
    query = _able(scene, Role).where(User.id.in_({one.created_by for one in declared}))
    return list(scene.session.scalars(query))


def _may_know(scene: Scene) -> ColumnElement[bool]:
    """A relative hears of their own resident alone."""
    theirs: Any = select(Contact.user_id).where(Contact.resident_id == scene.resident_id)
    own = User.id.in_(theirs) if scene.resident_id is not None else false()
    return or_(User.role != Role.RELATIVE, own)


def _is_private(scene: Scene, resident_id: str) -> bool:
    """Whether the resident's last word on telling their contacts is no."""
    query = select(Consent.withdrawn_at).where(
        Consent.resident_id == resident_id, Consent.kind == "contacts_told"
    )
    newest = scene.session.execute(
        query.order_by(Consent.given_at.desc(), Consent.id.desc()).limit(1)
    ).first()
    return newest is not None and newest.withdrawn_at is not None


_FIND: Final[dict[WhoKind, Callable[[Scene, Who], list[User]]]] = {
    WhoKind.ROLE: _role,
    WhoKind.DUTY: _duty,
    WhoKind.PERSON: _person,
    WhoKind.NEARBY: _nearby,
    WhoKind.SKILL: _skill,
    WhoKind.AREA: _area,
    WhoKind.STATION: _station,
    WhoKind.FAMILY: _family,
    WhoKind.NEIGHBOUR: _neighbour,
    WhoKind.KEY_HOLDER: _key_holder,
    WhoKind.CREW: _crew,
}
