"""Who waits comes first, then the worst, then the oldest."""

import pytest

from server.errors import ConflictError, ForbiddenError, InvalidError, ServerError
from server.tasks.states import TaskState
from server.web.tasks.board import arranged, group, order
from server.web.tasks.refusals import sentence
from tests.unit.server.web.tasks_of import NOON, task


def test_the_worst_then_the_oldest() -> None:
    tasks = [task(3, severity="minor"), task(2), task(1, severity="major"), task(4)]
    assert [each.id for each in arranged(tasks)["waiting"]] == [2, 4, 1, 3]


def test_an_answered_task_makes_room() -> None:
    parts = arranged([task(1, state="on_site"), task(2, severity="warning"), task(3, state="closed")])
    assert {name: [each.id for each in part] for name, part in parts.items()} == {
        "waiting": [2],
        "working": [1],
        "ended": [3],
    }


@pytest.mark.parametrize("state", TaskState)
def test_every_state_has_its_place(state: TaskState) -> None:
    assert group(task(state=state)) in ("waiting", "working", "ended")


def test_order_is_text_that_sorts_like_time() -> None:
    orders = [order(task(number)) for number in (1, 2, 10, 100, 5_000)]
    assert orders == sorted(orders)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConflictError("moved"), "周丽 已在 12:05:00 接单"),
        (ConflictError("moved"), "任务已变为「已接单」"),
        (ForbiddenError("not yours"), "周丽 正在处理"),
        (InvalidError("resolving needs an outcome: how did it end?"), "请先选择结果"),
        (InvalidError("there is no user 7 to give the task to"), "请选择一位"),
        (InvalidError("an empty note: write something"), "备注是空的"),
    ],
)
def test_a_refusal_says_who_has_it_and_what_to_do(error: ServerError, words: str) -> None:
    held = task(state="acknowledged", assignee="周丽", assignee_id=2, acknowledged_at=NOON.replace(minute=5))
    assert words in sentence(error, held, "zh")
    assert sentence(error, held, "en") != sentence(error, held, "zh")
