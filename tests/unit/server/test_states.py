"""The task table: complete, and with one door."""

import pytest

from server.tasks.states import (
    OPEN_STATES,
    TRANSITIONS,
    IllegalMoveError,
    TaskAction,
    TaskState,
    diagram,
    move,
    possible,
)


@pytest.mark.parametrize("state", TaskState)
@pytest.mark.parametrize("action", TaskAction)
def test_every_pair_either_moves_or_raises(state: TaskState, action: TaskAction) -> None:
    """There is no third thing, and nothing is guessed."""
    if action in TRANSITIONS[state]:
        assert move(state, action) is TRANSITIONS[state][action]
    else:
        with pytest.raises(IllegalMoveError, match=f"{state} cannot {action}"):
            move(state, action)


def test_every_state_can_be_reached_and_left() -> None:
    """No task gets stuck, and no state is there for nothing."""
    reached = {TaskState.NEW, TaskState.PLANNED} | {
        after for moves in TRANSITIONS.values() for after in moves.values()
    }
    assert reached == set(TaskState)
    assert all(any(after is not state for after in TRANSITIONS[state].values()) for state in OPEN_STATES)


@pytest.mark.parametrize("state", sorted(OPEN_STATES))
def test_another_occurrence_never_closes_and_never_fails(state: TaskState) -> None:
    """A press on any open task is taken."""
    assert move(state, TaskAction.RECUR) in OPEN_STATES


@pytest.mark.parametrize("state", [TaskState.CLOSED, TaskState.CANCELLED])
def test_what_has_ended_stays_ended(state: TaskState) -> None:
    """It can be written on, looked at again, and followed by another."""
    assert set(possible(state)) == {TaskAction.NOTE, TaskAction.PHOTO, TaskAction.REVIEW, TaskAction.RENEW}
    assert all(after is state for after in TRANSITIONS[state].values())


def test_the_diagram_shows_every_move() -> None:
    """It is drawn from the table."""
    lines = diagram().splitlines()
    assert "    new --> acknowledged: acknowledge" in lines
    assert "    resolved --> dispatched: recur" in lines
    assert "    closed --> [*]" in lines
