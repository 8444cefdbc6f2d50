"""Who waits comes first, then the worst, then the oldest."""

import pytest

from server.errors import ConflictError, ForbiddenError, InvalidError, ServerError
from server.tasks.states import TaskAction, TaskState
from server.web.tasks.board import arranged, group, naps, order
from server.web.tasks.refusals import sentence
from tests.unit.server.web.tasks_of import NOON, task


def test_the_worst_then_the_oldest() -> None:
    tasks = [task(3, severity="minor"), task(2), task(1, severity="major"), task(4)]
    assert [each.id for each in arranged(tasks, NOON)["waiting"]] == [2, 4, 1, 3]


def test_an_answered_task_makes_room() -> None:
    parts = arranged([task(1, state="on_site"), task(2, severity="warning"), task(3, state="closed")], NOON)
    assert {name: [each.id for each in part] for name, part in parts.items()} == {
        "waiting": [2],
        "working": [1],
        "planned": [],
        "ended": [3],
    }


@pytest.mark.parametrize("state", TaskState)
def test_every_state_has_its_place(state: TaskState) -> None:
    assert group(task(state=state), NOON) in ("waiting", "working", "planned", "ended")


def test_what_was_put_off_waits_for_nobody_until_then() -> None:
    until = NOON.replace(minute=30)
    asleep = task(severity="minor", snoozed_until=until)
    assert [group(asleep, moment) for moment in (NOON, until)] == ["working", "waiting"]


def test_what_is_planned_stands_by_its_day() -> None:
    tasks = [
        task(number, state="planned", due_at=NOON.replace(day=day)) for number, day in ((1, 24), (2, 23))
    ]
    assert [each.id for each in arranged(tasks, NOON)["planned"]] == [2, 1]


def test_a_task_is_put_off_with_one_tap_for_at_most_what_the_policy_says() -> None:
    assert [naps(most) for most in (240, 45, 5)] == [[15, 30, 60, 120, 240], [15, 30, 45], [5]]


def test_order_is_text_that_sorts_like_time() -> None:
    orders = [order(task(number)) for number in (1, 2, 10, 100, 5_000)]
    assert orders == sorted(orders)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InvalidError("needs a cause", where="cause"), "误报原因"),
        (ConflictError("moved"), "周丽 已在 12:05:00 接单"),
        (ConflictError("moved"), "任务已变为「已接单」"),
        (ForbiddenError("not yours"), "周丽 正在处理"),
        (InvalidError("resolving needs an outcome: how did it end?", where="outcome"), "请先选择结果"),
        (InvalidError("there is no user 7 to give the task to", where="assignee"), "请选择一位"),
        (InvalidError("an empty note: write something"), "备注是空的"),
    ],
)
def test_a_refusal_says_who_has_it_and_what_to_do(error: ServerError, words: str) -> None:
    held = task(state="acknowledged", assignee="周丽", assignee_id=2, acknowledged_at=NOON.replace(minute=5))
    zh, en = (sentence(error, held, language, TaskAction.DEPART) for language in ("zh", "en"))
    assert words in zh
    assert zh != en
