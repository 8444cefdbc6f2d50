"""A month through the real services: the figures' sums are the record's, and they print and export."""

import csv
import io
import random
import zipfile
from collections import Counter
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select

from firmware_profiles import Catalogue
from gateway.rules.model import Severity, TaskKind
from server.db.database import Database
from server.db.models import Occurrence, Task, TaskEvent
from server.errors import ForbiddenError, InvalidError, NotFoundError
from server.figures import export, report
from server.figures.model import Figures, Light, adds_up, light
from server.figures.service import figures
from server.figures.tables import Column, Table, tables
from server.tasks import service as tasks
from server.tasks.policy import TaskPolicy
from server.tasks.states import TaskAction, TaskState, possible
from server.users.roles import Role
from server.users.viewer import Viewer
from server.wells import gates
from tests.contract.server.conftest import NOW, viewer_of
from tests.contract.server.test_alarm_record import opened_cover, press, record
from tests.contract.server.test_api import Headers, app, client, token

__all__ = ["app", "client", "token"]
END = NOW + timedelta(days=29)
ROUTE = (TaskAction.ACKNOWLEDGE, TaskAction.DEPART, TaskAction.ARRIVE, TaskAction.RESOLVE, TaskAction.CLOSE)
OUTCOMES = {"care": ("helped_on_site", "false_alarm", "test"), "well": ("repaired", "false_alarm", "test")}


def a_month(database: Database, seed: int, *, alarms: int = 40) -> None:
    """Presses, falls and covers at random times; people who answer soon, late, partly or not at all."""
    rnd = random.Random(seed)
    zhou = viewer_of(database, "zhou")
    moments = sorted(rnd.uniform(0, 27 * 86_400) for _ in range(alarms))
    for number, after in enumerate(moments, 1):
        late = timedelta(minutes=5) if rnd.random() < 0.1 else timedelta(0)
        at_ms = round((NOW + timedelta(seconds=after) - late).timestamp() * 1000)
        times = {"device_ms": at_ms, "gateway_ms": at_ms + 20}
        if rnd.random() < 0.3:
            record(database, opened_cover(number, breach=f"c{number}", **times), after_s=after)
        elif rnd.random() < 0.5:
            record(database, press(number, **times), after_s=after)
        else:
            falls = {"position": "home-fall", "device": "d-home-fall", "rule": "fall", "breach": f"f{number}"}
            grade = {"severity": Severity.MAJOR, "task_kind": TaskKind.CARE}
            record(database, press(number, **falls, **grade, **times), after_s=after)
        _answer(database, zhou, rnd, after)


def _answer(database: Database, viewer: Viewer, rnd: random.Random, after: float) -> None:
    with database.write() as session:
        waiting = select(Task).where(Task.closed_at.is_(None), Task.kind != "follow_up")
        for task in session.scalars(waiting).all():
            at = NOW + timedelta(seconds=after)
            if rnd.random() < 0.1 and task.state == "new" and task.kind != "well":
                tasks.act(
                    session, viewer, task.id, tasks.Act(action=TaskAction.CANCEL, note="no need"), now=at
                )
                continue
            for action in ROUTE[: rnd.choice((0, 1, 5, 5, 5))]:
                at += timedelta(seconds=rnd.choice((5, 50, 70, 200)))
                if action not in _possible(task):
                    continue
                wanted = tasks.Act(action=action)
                if action is TaskAction.RESOLVE:
                    wanted = _resolved(rnd.choice(OUTCOMES.get(task.kind, OUTCOMES["care"])))
                    lines = [check.key for check in gates.missing_checks(session, task)]
                    if lines:
                        gates.tick(session, viewer, task.id, lines, guard="孙伟", now=at)
                        session.flush()
                tasks.act(session, viewer, task.id, wanted, now=at)
                session.flush()


def _resolved(outcome: str) -> tasks.Act:
    """With all that any outcome may need."""
    cause = "pet" if outcome == "false_alarm" else None
    return tasks.Act(action=TaskAction.RESOLVE, outcome=outcome, cause=cause, note="说明")


def _possible(task: Task) -> tuple[TaskAction, ...]:
    return possible(TaskState(task.state))


def of_march(database: Database, *, area: str | None = None) -> Figures:
    """What the manager sees at the end of the month."""
    with database.read() as session:
        return figures(session, viewer_of(database, "sun"), "2026-03", area=area, now=END)


def test_sums_are_the_record_s(staffed: Database) -> None:
    a_month(staffed, 1)
    found = of_march(staffed)
    with staffed.read() as session:
        rows = session.scalars(select(Task)).all()
        first = TaskEvent.from_state.is_(None)
        opened = session.scalar(select(func.count(TaskEvent.task_id.distinct())).where(first))
        over = TaskEvent.to_state.in_(("closed", "cancelled"))
        ended = session.scalar(select(func.count(TaskEvent.task_id.distinct())).where(over))
        recorded = session.scalar(select(func.count()).where(Occurrence.event == "occurred"))
    total = found.total
    assert total.opened == len(rows) == opened
    assert total.closed == ended
    assert total.opened == total.closed + total.still_open
    assert total.opened == total.counted + total.tests + total.late + total.muted + total.planned
    assert recorded == 40
    for parts in (found.areas, found.hours_of_day):
        assert adds_up(parts, total)
    for name in ("opened", "closed", "still_open", "counted", "tests", "late", "false_alarms"):
        assert sum(getattr(row, name) for row in found.kinds) == getattr(total, name), name
    assert found.trend[-1].opened == total.opened
    assert sum(one.tasks for one in found.models) == total.opened - total.tests
    assert sum(one.false_alarms for one in found.models) == total.false_alarms
    models = {one.key: one.tasks for one in found.models}
    assert models.pop("", 0) == total.planned, "a visit that follows up has no device"
    assert set(models) <= {"tuya-ts0215a-sos", "milesight-vs373", "dingtek-dc410"}
    by_kind = Counter(task.kind for task in rows)
    assert {row.key.split("/")[0] for row in found.kinds} == set(by_kind)
    assert total.within_first <= total.within_second <= total.judged_second
    answers = [
        (task.acknowledged_at or task.closed_at) is not None
        for task in rows
        if not (task.test or task.late or task.outcome == "test" or task.due_at)
        and not (task.parent_id and task.occurrences == 0)
        and task.kind in found.policy.kinds
        and task.severity in found.policy.severities
    ]
    assert total.judged_second == len(answers), "at the month's end nobody's time is still running"
    assert of_march(staffed, area="area").total == total


def test_a_call_minutes_after_the_last_one_was_closed_is_counted(staffed: Database) -> None:
    """It refers to the one before, and is a call for help all the same."""
    zhou = viewer_of(staffed, "zhou")
    for number, after in ((1, 0.0), (2, 300.0)):
        at_ms = round((NOW + timedelta(seconds=after)).timestamp() * 1000)
        record(staffed, press(number, device_ms=at_ms, gateway_ms=at_ms), after_s=after)
        at = NOW + timedelta(seconds=after + 100)
        with staffed.write() as session:
            newest = session.scalars(select(Task).order_by(Task.id.desc())).first()
            assert newest is not None
            ending = tasks.Act(action=TaskAction.CLOSE, outcome="false_alarm", cause="pet")
            tasks.act(session, zhou, newest.id, tasks.Act(action=TaskAction.ACKNOWLEDGE), now=at)
            tasks.act(session, zhou, newest.id, ending, now=at)
    with staffed.read() as session:
        assert session.scalar(select(func.count()).where(Task.parent_id.is_not(None))) == 1
    total = of_march(staffed).total
    assert (total.opened, total.counted, total.planned) == (2, 2, 0)
    assert (total.within_first, total.within_second) == (0, 2)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_it_prints_and_exports(staffed: Database, catalogue: Catalogue) -> None:
    a_month(staffed, 3, alarms=15)
    found = of_march(staffed)
    kinds = TaskPolicy()
    for language in ("zh", "en"):
        made = tables(found, language, kinds, {one.id: one.model for one in catalogue.values()})
        paper = report.pdf(found, made, language, kinds, now=END)
        assert paper.startswith(b"%PDF")
        assert 2 <= paper.count(b"/Type /Page\n") <= 4
        assert report.pdf(found, made, language, kinds, now=END) == paper, "the same figures, the same paper"
    with zipfile.ZipFile(io.BytesIO(export.zipped(made, "2026-03", "zh"))) as archive:
        names = archive.namelist()
        assert "2026-03 03 按区域.csv" in names
        text = archive.read("2026-03 03 按区域.csv").decode()
    assert text.startswith("\ufeff分组,新任务,")
    lines = list(csv.reader(io.StringIO(text.lstrip("\ufeff"))))
    assert lines[-1][1] == str(found.total.opened)


def test_a_name_does_not_become_a_formula() -> None:
    table = Table("homes", (Column("name", "text"), Column("tasks")), (("=1+1", 2), ("王", -3)))
    assert export.csv_text(table, "zh").splitlines()[1:] == ["'=1+1,2", "王,-3"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_who_may_see_it(staffed: Database) -> None:
    with staffed.read() as session:
        for login in ("li", "zhao"):
            with pytest.raises(ForbiddenError):
                figures(session, viewer_of(staffed, login), now=NOW)
        manager = viewer_of(staffed, "sun")
        with pytest.raises(InvalidError, match="no month"):
            figures(session, manager, "2026-13", now=NOW)
        with pytest.raises(NotFoundError):
            figures(session, manager, area="nowhere", now=NOW)
        nothing = figures(session, manager, "2025-01", now=NOW)
        assert (nothing.total.opened, nothing.total.first_share) == (0, None)


def test_a_light_has_words_for_near() -> None:
    said = [light(value, 97.5, 2.0) for value in (0.975, 0.9749, 0.955, 0.9549, None)]
    assert said == [Light.REACHED, Light.NEAR, Light.NEAR, Light.MISSED, Light.NONE]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_the_api_answers(client: httpx.AsyncClient, token: Headers, street: Database) -> None:
    record(street, press(1))
    manager = token(Role.MANAGER)
    document = (await client.get("/api/v1/figures/2026-03", headers=manager)).json()
    assert (document["total"]["opened"], document["total"]["first_share"]) == (1, 0.0)
    assert document["targets"]["first_percent"] == 97.5
    paper = await client.get("/api/v1/figures/2026-03/report.pdf", headers=manager)
    assert (paper.headers["content-type"], paper.content[:4]) == ("application/pdf", b"%PDF")
    files = await client.get("/api/v1/figures/2026-03/tables.zip?language=en", headers=manager)
    assert zipfile.ZipFile(io.BytesIO(files.content)).namelist()
    assert (await client.get("/api/v1/figures/2026-03", headers=token(Role.CARER))).status_code == 403
    wall = (await client.get("/api/v1/coverage", headers=token(Role.WALL))).json()
    assert wall["counts"]["residents"] == 1
    month = (await client.get("/api/v1/coverage/months/2026-03", headers=manager)).json()
    assert month["month"] == "2026-03"
    for page in ("/coverage", "/coverage/month", "/figures"):
        assert (await client.get(page, headers=manager)).status_code == 200
