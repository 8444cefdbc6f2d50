"""A task as the pages see it, made by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

from server.tasks.states import TaskState
from server.tasks.views import Subject, TaskView

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


def task(number: int = 1, *, severity: str = "critical", state: str = "new", **changes: Any) -> TaskView:
    """Opened `number` minutes after noon."""
    moment = NOON + timedelta(minutes=number)
    values: dict[str, Any] = {
        "id": number,
        "kind": "care",
        "severity": severity,
        "state": TaskState(state),
        "rule": "sos",
        "names": {"zh": "紧急呼叫", "en": "Emergency call"},
        "subject": Subject(kind="resident", id="r", name="王秀英", address="阳光路 1 号"),
        "area": "第一网格",
        "occurrences": 1,
        "late": False,
        "clock_trusted": True,
        "device_at": moment,
        "gateway_at": moment,
        "created_at": moment,
        "last_at": moment,
        "acknowledged_at": None,
        "departed_at": None,
        "arrived_at": None,
        "resolved_at": None,
        "closed_at": None,
        "assignee_id": None,
        "assignee": None,
        "outcome": None,
        "version": 1,
        "kind_names": {"zh": "照护", "en": "Care"},
        "kind_icon": "care",
        "kind_colour": "blue",
        "goes_there": True,
        "outcome_names": None,
        "cause": None,
        "cause_names": None,
        "test": False,
        "level": "community",
        "parent_id": None,
        "due_at": None,
        "snoozed_until": None,
        "review": None,
        "reviewed_at": None,
    }
    return TaskView(**values | changes)
