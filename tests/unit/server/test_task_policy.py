"""Kinds of task and outcomes as data: what a manager may write, and what not."""

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from gateway.rules.model import TaskKind
from server.tasks.policy import ALL_SEEING, KINDS, Icon, TaskPolicy
from server.users.roles import LINKS_ONLY, RIGHTS, TASK_KINDS, Right, Role
from server.web.rendering import STATIC


def written(**changes: Any) -> dict[str, Any]:
    """The packaged policy as a document, changed."""
    return TaskPolicy().model_dump(mode="json") | changes


def kinds(*more: dict[str, Any]) -> list[dict[str, Any]]:
    """The packaged kinds, and more."""
    return [kind.model_dump(mode="json") for kind in KINDS] + list(more)


def test_the_packaged_kinds_are_the_roles_own_of_old() -> None:
    for kind in KINDS:
        if kind.id in set(TaskKind):
            seeing = {role for role in Role if kind.id in TASK_KINDS[role]} - LINKS_ONLY
            assert {Role(role) for role in kind.roles} | ALL_SEEING == seeing
        assert any(Right.WORK_TASKS in RIGHTS[Role(role)] for role in kind.roles)


def test_whoever_sees_everything_is_never_shut_out() -> None:
    assert {role for role in Role if Right.ASSIGN_TASKS in RIGHTS[role]} <= ALL_SEEING


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kinds": kinds()[1:]}, "the kind 'care' is needed"),
        ({"kinds": kinds(kinds()[0])}, "the kind 'care' is there twice"),
        ({"kinds": kinds({"id": "x1", "zh": "x", "en": "x", "outcomes": ["gone"]})}, "outcome 'gone', which"),
        ({"kinds": kinds({"id": "x1", "zh": "x", "en": "x", "outcomes": []})}, "at least 1 item"),
        (
            {"kinds": kinds({"id": "x1", "zh": "x", "en": "x", "outcomes": ["test"], "roles": ["nurse"]})},
            "'nurse' is not a role",
        ),
        ({"kinds": kinds({"id": "X 1", "zh": "x", "en": "x", "outcomes": ["test"]})}, "pattern"),
        ({"snooze_max_minutes": 0}, "greater than or equal to 5"),
    ],
)
def test_what_cannot_work_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TaskPolicy.model_validate(written(**changes))


def test_a_kind_that_is_not_there_any_more_can_still_be_shown_and_closed() -> None:
    gone = TaskPolicy().kind("gone")
    assert (gone.zh, gone.outcomes) == ("gone", [each.id for each in TaskPolicy().outcomes])


def test_every_icon_that_may_be_chosen_is_drawn() -> None:
    sprite = (STATIC / "icons.svg").read_text(encoding="utf-8")
    assert [name for name in get_args(Icon) if f'id="{name}"' not in sprite] == []
