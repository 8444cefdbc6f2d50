"""Alarms of the server about itself."""

from datetime import timedelta

from sqlalchemy import func, select

from gateway.rules.model import Severity
from server.alarms import own
from server.db.database import Database
from server.db.models import Alarm, Occurrence, Task
from server.tasks.states import TaskAction
from tests.contract.server.conftest import NOW
from tests.contract.server.test_task_life import act


def _fails(database: Database, *, after_s: float = 0) -> None:
    with database.write() as session:
        own.raise_own(
            session, "channel", "wecom", "channel_failing", Severity.MAJOR, point="failures", value=3,
            now=NOW + timedelta(seconds=after_s),
        )  # fmt: skip


def test_what_ends_and_begins_again_in_one_tick_is_told_twice(street: Database) -> None:
    _fails(street)
    with street.write() as session:
        own.end(session, "channel", "wecom", "channel_failing", now=NOW)
    _fails(street)
    with street.read() as session:
        assert session.scalar(select(func.count()).select_from(Occurrence)) == 2
        assert session.scalars(select(Alarm.cleared_at).order_by(Alarm.id)).all()[-1] is None


def test_it_is_told_once_while_its_task_is_open_and_again_after_it_was_ended_in_vain(
    staffed: Database,
) -> None:
    _fails(staffed)
    _fails(staffed, after_s=10)
    with staffed.read() as session:
        (task_id,) = session.scalars(select(Task.id)).all()
    act(staffed, "zhou", TaskAction.CANCEL, number=task_id, note="says nothing to us")
    _fails(staffed, after_s=20)
    with staffed.read() as session:
        states = session.scalars(select(Task.state).order_by(Task.id)).all()
        assert states == ["cancelled", "new"]
        assert session.scalars(select(Alarm.task_id)).all() == [task_id + 1]
