"""Playbooks: what people may write, the packaged ones, and which counts for a task."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Protocol

import structlog
import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from gateway.rules.model import Severity, TaskKind
from server.audit import service as audit
from server.db.models import Resident, StoredPlaybook, Task, User
from server.dispatch.core import Ask, Playbook, Step, Who, WhoKind
from server.errors import InvalidError, NotFoundError
from server.tasks import kinds
from server.users import reach
from server.users.roles import WORKERS, Right, Role
from server.users.viewer import Viewer

log = structlog.get_logger(__name__)
PACKAGED: Final = Path(__file__).with_name("playbooks.yaml")
CHANNEL: Final = r"^[a-z0-9_]{1,20}$"
OTHER: Final = "other"
SUBDISTRICT: Final = "subdistrict"
"""The playbook of tasks of any kind that a community could not solve."""
SERVER: Final = "server"
"""The playbook of what the server says of its own failing, where people are told too late: the desk first."""
BEYOND_KINDS: Final = frozenset({SUBDISTRICT, SERVER})
"""Playbooks that are no kind's own."""
AGAIN_EVERY_S: Final[Mapping[str, int]] = {Severity.CRITICAL: 600}
"""How often the last round is told again where a playbook does not say: a critical task is never given up."""
CLOSE_WITHIN_S: Final[Mapping[str, int]] = {Severity.CRITICAL: 7_200, Severity.MAJOR: 14_400}
"""When whoever is there is reminded to end it where a playbook does not say; a day for what is lesser."""
LONGEST_S: Final = 86_400
"""A day: who has not answered by then is not going to."""
FARTHEST_M: Final = 20_000
LONGEST: Final = 16
"""Steps: twice the longest packaged chain."""


class Subject(Protocol):
    """What decides which playbook counts: a task, or the need for one."""

    @property
    def kind(self) -> str:
        """Of the task."""

    @property
    def severity(self) -> str:
        """Of the task."""

    @property
    def subject_kind(self) -> str:
        """Who or what it is about: resident, well, position, gateway."""

    @property
    def subject_id(self) -> str:
        """Their id."""


class WhoIn(BaseModel):
    """The people of a step."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    kind: WhoKind
    value: Annotated[str, Field(max_length=60)] = ""
    skill: Annotated[str, Field(max_length=40)] = ""
    metres: Annotated[int, Field(ge=1, le=FARTHEST_M)] | None = None

    @model_validator(mode="after")
    def _fits(self) -> "WhoIn":
        if problem := _PROBLEMS.get(self.kind, _needs_nothing)(self.value):
            raise ValueError(problem)
        if self.skill and self.kind is not WhoKind.NEARBY:
            raise ValueError("a skill beside the value narrows those nearby only")
        if self.metres is not None and self.kind is not WhoKind.SKILL:
            raise ValueError("metres beside the value narrow those with a skill only")
        return self


def _needs_role(value: str) -> str:
    return "" if value in WORKERS else f"{value!r} is not a role that works on tasks"


def _needs_login(value: str) -> str:
    return "" if value else "a person's login is needed"


def _needs_metres(value: str) -> str:
    fits = value.isdecimal() and 0 < int(value) <= FARTHEST_M
    return "" if fits else f"metres from 1 to {FARTHEST_M} are needed"


def _needs_skill(value: str) -> str:
    return "" if value else "a skill is needed"


def _needs_nothing(value: str) -> str:
    return "no value is needed: they are found by the home" if value else ""


_PROBLEMS: Final[dict[WhoKind, Callable[[str], str]]] = {
    WhoKind.ROLE: _needs_role,
    WhoKind.DUTY: _needs_role,
    WhoKind.AREA: _needs_role,
    WhoKind.PERSON: _needs_login,
    WhoKind.NEARBY: _needs_metres,
    WhoKind.SKILL: _needs_skill,
}
BY_ROLE: Final = (WhoKind.ROLE, WhoKind.DUTY, WhoKind.AREA)


class StepIn(BaseModel):
    """One step."""

    model_config = ConfigDict(extra="forbid")

    who: WhoIn
    ask: Ask = Ask.GO
    within_s: Annotated[int, Field(ge=0, le=LONGEST_S)]
    channels: Annotated[list[Annotated[str, Field(pattern=CHANNEL)]], Field(max_length=8)] = []
    repeat: Annotated[int, Field(ge=0, le=100)] = 0

    @model_validator(mode="after")
    def _waits(self) -> "StepIn":
        if self.repeat and self.within_s < 1:
            raise ValueError("a step that is told again needs a time to wait")
        return self


class PlaybookIn(BaseModel):
    """A playbook as people write it. Where `again_every_s` or `close_within_s` is left out, what is usual
    for the severity counts (`AGAIN_EVERY_S`, `CLOSE_WITHIN_S`)."""

    model_config = ConfigDict(extra="forbid")

    steps: Annotated[list[StepIn], Field(min_length=1, max_length=LONGEST)]
    arrive_within_s: Annotated[int, Field(ge=60, le=LONGEST_S)] | None = None
    again_every_s: Annotated[int, Field(ge=60, le=LONGEST_S)] | None = None
    close_within_s: Annotated[int, Field(ge=60, le=LONGEST_S)] | None = None


class _Packaged(PlaybookIn):
    kind: str
    severities: Annotated[list[Severity], Field(min_length=1)]


@cache
def packaged() -> Mapping[tuple[str, str], PlaybookIn]:
    """The packaged playbooks by task kind and severity: all of them are there."""
    rows = TypeAdapter(list[_Packaged]).validate_python(yaml.safe_load(PACKAGED.read_text(encoding="utf-8")))
    return {
        (row.kind, severity): PlaybookIn.model_validate(row.model_dump(exclude={"kind", "severities"}))
        for row in rows
        for severity in row.severities
    }


def packaged_for(kind: str, severity: str) -> PlaybookIn:
    """The packaged playbook of a kind; that of `OTHER` for a kind which a manager has added."""
    known = packaged()
    return known.get((kind, severity)) or known[OTHER, severity]


def book_of(subject: Subject) -> str:
    """Under which name the subject's playbooks are kept: its kind, `SUBDISTRICT` or `SERVER`."""
    if isinstance(subject, Task) and subject.level == SUBDISTRICT:
        return SUBDISTRICT
    return SERVER if subject.subject_kind == SERVER else subject.kind


def chosen(session: Session, subject: Subject) -> int | None:
    """The number of the stored playbook that counts for a new run of this task; None: the packaged one."""
    values: dict[str, Any] = {
        "kind": book_of(subject),
        "severity": subject.severity,
        "resident_id": subject.subject_id if subject.subject_kind == "resident" else None,
    }
    rows = session.connection().execute(_CHOSEN, values).all()
    by_resident = {row.resident_id: row.id for row in rows}
    return by_resident.get(values["resident_id"]) or by_resident.get(None)


_CHOSEN: Final = select(StoredPlaybook.id, StoredPlaybook.resident_id).where(
    StoredPlaybook.kind == bindparam("kind"),
    StoredPlaybook.severity == bindparam("severity"),
    StoredPlaybook.ended_at.is_(None),
    or_(StoredPlaybook.resident_id.is_(None), StoredPlaybook.resident_id == bindparam("resident_id")),
)


def loaded(session: Session, playbook_id: int | None, task: Task) -> Playbook:
    """The playbook of a run, as it was when the run began; the packaged one where it cannot be read."""
    stored = None if playbook_id is None else session.get(StoredPlaybook, playbook_id)
    if stored is None:
        return _packaged(book_of(task), task.severity)
    return _as_core(read(stored), stored.severity)


@cache
def _packaged(kind: str, severity: str) -> Playbook:
    return _as_core(packaged_for(kind, severity), severity)


def put(
    session: Session,
    viewer: Viewer,
    *,
    kind: str,
    severity: Severity,
    resident_id: str | None,
    plan: PlaybookIn | None,
    now: datetime,
) -> None:
    """Writes the next version of a playbook; None takes it away, so that the more general one counts. Runs
    that have begun go on as they were.

    Raises NotFoundError for an unknown kind or resident; InvalidError for a person who is not there or may
    not see tasks of this kind.
    """
    viewer.require(Right.PLAYBOOKS)
    if kind not in {each.id for each in kinds.policy(session).kinds} | BEYOND_KINDS:
        raise NotFoundError(f"there is no kind of task {kind!r}")
    if resident_id is None:
        reach.require_everywhere(viewer, "the playbooks of all homes")
    elif not reach.known(session, Resident, resident_id):
        raise NotFoundError(f"there is no resident {resident_id!r}")
    if plan is not None:
        _check_people(session, kind, plan)
    before = list(_versions(session, kind, severity, resident_id))
    for row in before:
        if row.ended_at is None:
            row.ended_at = now
    session.flush()
    if plan is not None:
        session.add(
            StoredPlaybook(
                kind=kind,
                severity=severity,
                resident_id=resident_id,
                version=1 + max((row.version for row in before), default=0),
                plan=plan.model_dump(mode="json"),
                created_at=now,
                created_by=viewer.user_id,
            )
        )
    audit.write(
        session,
        viewer,
        action="playbook_changed" if plan is not None else "playbook_removed",
        subject=("playbook", f"{kind}/{severity}" + (f"/{resident_id}" if resident_id else "")),
        now=now,
    )


def stored(session: Session) -> Sequence[StoredPlaybook]:
    """All versions of all stored playbooks, the newest first."""
    return session.scalars(select(StoredPlaybook).order_by(StoredPlaybook.id.desc())).all()


def read(row: StoredPlaybook) -> PlaybookIn:
    """What a version says. One that another version of this program has stored, and this one cannot read, is
    said in the log, and the packaged one counts in its place: a press must not fail for it."""
    try:
        return PlaybookIn.model_validate(row.plan)
    except ValidationError as error:
        wrong = [".".join(map(str, one["loc"])) for one in error.errors(include_input=False)]
        log.warning("playbook_not_read", playbook=row.id, wrong=wrong[:5])
        return packaged_for(row.kind, row.severity)


def _versions(
    session: Session, kind: str, severity: Severity, resident_id: str | None
) -> Sequence[StoredPlaybook]:
    return session.scalars(
        select(StoredPlaybook)
        .where(
            StoredPlaybook.kind == kind,
            StoredPlaybook.severity == severity,
            StoredPlaybook.resident_id == resident_id
            if resident_id is not None
            else StoredPlaybook.resident_id.is_(None),
        )
        .with_for_update()
    ).all()


def _check_people(session: Session, kind: str, plan: PlaybookIn) -> None:
    seen_by = kinds.roles_of(session, TaskKind.MAINTENANCE if kind == SERVER else kind)
    for number, step in enumerate(plan.steps, 1):
        who = step.who
        if who.kind in BY_ROLE and Role(who.value) not in seen_by:
            raise InvalidError(f"step {number}: the role {who.value} does not see {kind} tasks")
        if who.kind is WhoKind.PERSON:
            user = session.scalar(select(User).where(User.login == who.value))
            if user is None or user.disabled_at is not None or Role(user.role) not in seen_by:
                raise InvalidError(f"step {number}: {who.value!r} is nobody who sees {kind} tasks")


def _as_core(plan: PlaybookIn, severity: str) -> Playbook:
    return Playbook(
        steps=tuple(
            Step(
                who=Who(
                    kind=step.who.kind,
                    value=step.who.value,
                    skill=step.who.skill,
                    metres=step.who.metres,
                ),
                within_s=step.within_s,
                ask=step.ask,
                channels=tuple(step.channels),
                repeat=step.repeat,
            )
            for step in plan.steps
        ),
        arrive_within_s=plan.arrive_within_s,
        again_every_s=plan.again_every_s or AGAIN_EVERY_S.get(severity),
        close_within_s=plan.close_within_s or CLOSE_WITHIN_S.get(severity, LONGEST_S),
    )
