"""Rows of contacts, absences and people: what they may say, and how they are written."""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from server.db.models import Absence, Contact, Responder, Skill, User
from server.notify import addresses
from server.places.schemas import Id, Latitude, Longitude
from server.residents import absences
from server.residents.schemas import AbsenceIn, ContactIn
from server.users import people
from server.users.roles import LINKS_ONLY, Role
from server.users.viewer import Viewer

LOCAL: Final = timezone(timedelta(hours=8), "UTC+8")
"""Times in tables are the clock on the wall there, as on the pages."""
WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "relation": {
        "亲属": "family", "家属": "family", "邻居": "neighbour", "朋友": "friend", "医生": "doctor",
        "其他": "other",
    },
    "kind": {
        "住院": "hospital", "在亲属家": "family", "旅行": "travel", "其他": "other",
        "街道": "subdistrict", "社区": "community", "网格": "grid",
    },
    "role": {
        "照护员": "carer", "调度员": "dispatcher", "安装员": "installer", "运维": "maintenance",
        "站长": "manager", "管理员": "administrator", "大屏": "wall", "志愿者": "volunteer",
        "亲属邻里": "relative",
    },
    "risk": {"一般": "normal", "高": "high", "高风险": "high"},
    "holds_key": {"是": "true", "否": "false", "有": "true", "无": "false"},
    "volunteer": {"是": "true", "否": "false"},
}  # fmt: skip
"""What people write in Chinese, by column."""
_SLASHED: Final = re.compile(r"(\d{4})[/-](\d{1,2})[/-](\d{1,2})(?: +(\d{1,2}:\d{2}))?")


def moment(value: Any) -> Any:
    """A time as people and spreadsheets write it (2026-03-01 08:00, 2026/3/1 8:00); others are left."""
    if isinstance(value, str):
        parts = _SLASHED.fullmatch(value)
        plain = value if parts is None else f"{parts[1]}-{parts[2]:0>2}-{parts[3]:0>2}"
        plain += f" {parts[4]:0>5}" if parts is not None and parts[4] else ""
        try:
            found = datetime.fromisoformat(plain)
        except ValueError:
            return value
        return found if found.tzinfo is not None else found.replace(tzinfo=LOCAL)
    return value


def _listed(value: Any) -> Any:
    return (
        value.replace("，", " ").replace(",", " ").replace(";", " ").split()
        if isinstance(value, str)
        else value
    )


Words = Annotated[list[str], BeforeValidator(_listed)]


class ContactRow(ContactIn):
    """A contact of a resident; `login` is theirs in Sunwell, where they have one."""

    resident_id: Id
    login: str = ""


class AbsenceRow(AbsenceIn):
    """An absence of a resident. Times without a zone are the pages' clock."""

    resident_id: Id
    since: Annotated[datetime, BeforeValidator(moment)]
    until: Annotated[datetime, BeforeValidator(moment)]


class PersonRow(BaseModel):
    """A person who can be told of tasks. They are made without a password: nobody logs in by an import."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Annotated[str, Field(min_length=1, max_length=60)]
    role: Role
    area_id: Id | None = None
    station_id: Id | None = None
    skills: Words = []
    phone: Annotated[str, Field(max_length=40)] = ""
    channels: Words = []  # sms:138…, in the order in which they are tried
    volunteer: bool = False
    latitude: Latitude | None = None
    longitude: Longitude | None = None


def write_contacts(session: Session, rows: Iterable[ContactRow]) -> None:
    """The residents who are named get the contacts of the table, in its order; others keep theirs."""
    by_resident: dict[str, list[ContactRow]] = {}
    for row in rows:
        by_resident.setdefault(row.resident_id, []).append(row)
    people: dict[str, int] = dict(session.execute(select(User.login, User.id)).all())
    known: dict[str, dict[tuple[str, str], Contact]] = {}
    for contact in session.scalars(select(Contact).where(Contact.resident_id.in_(by_resident))):
        known.setdefault(contact.resident_id, {})[contact.name, contact.phone] = contact
    for resident_id, wanted in by_resident.items():
        before: dict[tuple[str, str], Contact] = known.get(resident_id, {})
        for rank, row in enumerate(wanted):
            same = before.pop((row.name, row.phone), None)
            contact = Contact(resident_id=resident_id) if same is None else same
            contact.relation, contact.name, contact.phone = row.relation, row.name, row.phone
            contact.holds_key, contact.rank = row.holds_key, rank
            contact.user_id = people[row.login] if row.login else row.user_id
            session.add(contact)
        for contact in before.values():
            session.delete(contact)
    session.flush()


def absence_problem(session: Session, row: AbsenceRow, now: datetime) -> tuple[str, str, str] | None:
    """Column, what and fix where an absence cannot be noted."""
    if row.until <= now:
        return "until", "this absence is over", "take the row out"
    others = absences.spans(session, [row.resident_id], since=row.since, until=row.until)
    if any(other.since != row.since for other in others):
        return "since", "another absence is noted for a part of that time", "extend that one on its page"
    return None


def write_absences(session: Session, rows: Iterable[AbsenceRow], *, by: int, now: datetime) -> None:
    """Notes absences; one of the same resident that begins at the same time is corrected."""
    for row in rows:
        same = session.scalar(
            select(Absence).where(
                Absence.resident_id == row.resident_id, Absence.since == row.since, Absence.ended_at.is_(None)
            )
        )
        if same is None:
            same = Absence(resident_id=row.resident_id, since=row.since, created_at=now, created_by=by)
            session.add(same)
        same.kind, same.until, same.note = row.kind, row.until, row.note
    session.flush()


def channel_problem(row: PersonRow, known: Collection[str]) -> tuple[str, str, str] | None:
    """Column, what and fix where a channel is none that a number or a name can be entered for."""
    for each in row.channels:
        channel, _, to = each.partition(":")
        if channel not in known or not to:
            there = ", ".join(sorted(known)) or "none"
            return (
                "channels",
                f"{channel[:20]!r} cannot be entered",
                f"write channel:number; there are {there}",
            )
    return None


def write_people(session: Session, viewer: Viewer, rows: Mapping[str, PersonRow], *, now: datetime) -> None:
    """Adds or corrects people by login, with their skills and channels; passwords stay as they are (who has
    only links has none), and what the table has no column for."""
    there = {user.login: user for user in session.scalars(select(User).where(User.login.in_(rows)))}
    for login, row in rows.items():
        user = there.get(login)
        if user is None:
            user = User(login=login, password_hash="", created_at=now)
            session.add(user)
        user.name, user.role, user.phone = row.name, row.role, row.phone
        user.area_id, user.station_id = row.area_id, row.station_id
        session.flush()
        if row.role in LINKS_ONLY and user.password_hash:
            user.password_hash = ""
            people.end_log_ins(session, user.id, now=now)
        if "skills" in row.model_fields_set:
            session.execute(delete(Skill).where(Skill.user_id == user.id))
            session.add_all(Skill(user_id=user.id, skill=skill) for skill in dict.fromkeys(row.skills))
        for each in row.channels:
            channel, _, to = each.partition(":")
            addresses.put(session, viewer, user.id, channel, to, known=(channel,), now=now)
        _respond(session, user.id, row)
    session.flush()


def _respond(session: Session, user_id: int, row: PersonRow) -> None:
    given = row.model_fields_set & {"volunteer", "latitude", "longitude"}
    if not given:
        return
    responder = session.get(Responder, user_id)
    if responder is None:
        responder = Responder(user_id=user_id, on_duty=False)
        session.add(responder)
    for name in given:
        setattr(responder, name, getattr(row, name))
