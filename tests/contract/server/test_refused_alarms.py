"""What cannot be used of an alarm lane is not lost in silence: people are told that it came, and whence."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from server.alarms import service
from server.clock import now
from server.context import Context
from server.db.database import Database
from server.db.models import Alarm, QuarantinedMessage, Task
from server.devices import dependents
from server.ingest import handlers
from server.tasks import service as tasks
from server.tasks.states import TaskAction
from server.users.roles import Role
from server.users.viewer import Viewer
from tests.contract.server.conftest import viewer_of
from tests.contract.server.test_ingest import pressed

TOPIC = "sunwell/v1/{}/up/alarm"
CARE = ("care", "critical", "gateway", "gw-1", "call_refused", 1)


def tell(context: Context, payload: bytes | dict[str, Any], gateway: str = "gw-1") -> None:
    """One message on a gateway's alarm lane."""
    data = payload if isinstance(payload, bytes) else msgspec.json.encode(payload)
    handlers.handle_alarm(context, gateway, TOPIC.format(gateway), data)


def found(database: Database) -> list[tuple[str, str, str, str, str, int]]:
    """(kind, severity, subject's kind, subject, rule, occurrences) of each task."""
    with database.read() as session:
        return [
            (task.kind, task.severity, task.subject_kind, task.subject_id, task.rule, task.occurrences)
            for task in session.scalars(select(Task).where(Task.kind != "follow_up").order_by(Task.id))
        ]


@pytest.mark.parametrize(
    "message",
    [
        {"position": "nowhere"},
        {"position": "home-fall", "device": "d", "event": "occurred", "value": 2**63},
        {"breach": "b" * 201},
        {"device_ms": "now"},
    ],
    ids=["not registered", "impossible value", "too long", "no number"],
)
async def test_a_call_for_help_that_cannot_be_used_calls_those_who_care(
    context: Context, message: dict[str, Any]
) -> None:
    tell(context, pressed(1, **message))
    assert found(context.database) == [CARE]
    with context.database.read() as session:
        assert session.scalars(select(QuarantinedMessage.gateway_id)).all() == ["gw-1"]
        alarms = session.scalars(select(Alarm)).all()
        may_have_called = dependents.of_faults(session, Viewer(1, "x", Role.CARER), "gw-1", alarms, ())
    assert may_have_called is not None
    assert [one.id for one in may_have_called.listed] == ["r1"]


async def test_anything_else_is_told_to_maintenance_and_an_end_to_nobody(context: Context) -> None:
    tell(context, b"{cut")
    tell(context, pressed(1, position="nowhere", event="cleared"))
    tell(context, pressed(2), gateway="gw-9")
    tell(context, pressed(3, position="nowhere", task_kind="maintenance", severity="minor"), gateway="gw-2")
    assert [one[:5] for one in found(context.database)] == [
        ("maintenance", "major", "gateway", "gw-1", "alarm_refused"),
        ("maintenance", "minor", "gateway", "gw-2", "alarm_refused"),
    ]


async def test_a_flood_is_one_task_told_once_a_minute_and_again_after_it_was_closed(
    staffed: Database, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = now()

    def after(minutes: float) -> datetime:
        at = begun + timedelta(minutes=minutes)
        monkeypatch.setattr(handlers, "now", lambda: at)
        return at

    for number in range(20):
        after(number / 10)
        tell(context, pressed(number, position=f"nowhere-{number}"))
    assert found(staffed) == [(*CARE[:5], 2)]
    li = viewer_of(staffed, "li")
    for action in (TaskAction.ACKNOWLEDGE, TaskAction.ARRIVE, TaskAction.CLOSE):
        act = tasks.Act(action=action, outcome="helped_on_site" if action is TaskAction.CLOSE else None)
        with staffed.write() as session:
            tasks.act(session, li, 1, act, now=after(5))
    after(7)
    tell(context, pressed(50, position="nowhere"))
    assert found(staffed) == [(*CARE[:5], 2), CARE]


async def test_what_our_own_code_fails_on_is_told_too(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where telling fails as well, it is kept where people look."""
    message = msgspec.json.encode(pressed(1))
    handlers.set_aside(context, TOPIC.format("gw-1"), "ValueError", message)
    assert found(context.database) == [CARE]

    def failing(*_given: Any, **_named: Any) -> Any:
        raise ValueError

    monkeypatch.setattr(service, "raise_alarm", failing)
    handlers.set_aside(context, TOPIC.format("gw-2"), "ValueError", message)
    with context.database.read() as session:
        assert session.scalars(select(QuarantinedMessage.gateway_id)).all() == ["gw-1", "gw-2"]
