"""What is due: the core's decisions, one by one and over whole chains."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.dispatch.core import (
    Decision,
    Happened,
    Planned,
    Playbook,
    Standing,
    Step,
    StepKind,
    Who,
    WhoKind,
    decide,
)
from server.tasks.states import TaskState

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
K = StepKind


def step(within_s: int = 60, repeat: int = 0) -> Step:
    """A step for carers."""
    return Step(who=Who(kind=WhoKind.ROLE, value="carer"), within_s=within_s, repeat=repeat)


BOOK = Playbook(steps=(step(60), step(30, repeat=1), step(90)), arrive_within_s=900)


def at(seconds: float) -> datetime:
    """That long after the beginning."""
    return NOW + timedelta(seconds=seconds)


def call(run: int, number: int, due_at: datetime, turn: int = 0) -> Planned:
    """A planned step of the playbook."""
    return Planned(kind=K.CALL, run=run, number=number, turn=turn, due_at=due_at)


def new(state: TaskState = TaskState.NEW, number: int = -1, turn: int = 0) -> Standing:
    """A chain in its first run."""
    return Standing(state=state, run=1, number=number, turn=turn)


def test_a_task_begins_with_its_first_step_at_once() -> None:
    decision = decide(BOOK, Standing(state=TaskState.NEW), Happened.OPENED, NOW)
    assert decision.plan == (call(1, 0, NOW),)
    assert not decision.cancel_sends


@pytest.mark.parametrize(
    ("number", "turn", "what", "then"),
    [
        (0, 0, Happened.TOLD, call(1, 1, at(60))),
        (1, 0, Happened.TOLD, call(1, 1, at(30), turn=1)),
        (1, 1, Happened.TOLD, call(1, 2, at(30))),
        (2, 0, Happened.TOLD, Planned(kind=K.END, run=1, due_at=at(90))),
        (0, 0, Happened.NOBODY, call(1, 1, NOW)),
        (1, 0, Happened.NOBODY, call(1, 2, NOW)),
        (2, 0, Happened.NOBODY, Planned(kind=K.END, run=1, due_at=NOW)),
    ],
)
def test_each_step_plans_the_next(number: int, turn: int, what: Happened, then: Planned) -> None:
    assert decide(BOOK, new(number=number, turn=turn), what, NOW) == Decision(plan=(then,))


def test_accepting_cancels_all_and_waits_for_the_arrival() -> None:
    decision = decide(BOOK, new(TaskState.ACKNOWLEDGED), Happened.ACKNOWLEDGED, NOW)
    assert decision.cancel == frozenset(StepKind) - {K.INFORM, K.WATCHERS}
    assert decision.cancel_sends
    assert [(plan.kind, plan.due_at) for plan in decision.plan] == [(K.TAKEN, NOW), (K.ARRIVAL, at(900))]


def test_without_a_limit_nobody_waits_for_the_arrival() -> None:
    book = Playbook(steps=BOOK.steps)
    decision = decide(book, new(TaskState.ACKNOWLEDGED), Happened.ACKNOWLEDGED, NOW)
    assert [plan.kind for plan in decision.plan] == [K.TAKEN, K.UNFINISHED]  # … but for its end


@pytest.mark.parametrize(("told", "following"), [(-1, 0), (0, 1), (2, 2)])
def test_who_does_not_arrive_makes_the_next_step_due(told: int, following: int) -> None:
    decision = decide(BOOK, new(TaskState.DISPATCHED, number=told), Happened.NOT_ARRIVED, NOW)
    assert decision.plan == (call(2, following, NOW),)


def test_another_occurrence_tells_the_holder_or_wakes_an_ended_chain() -> None:
    held = decide(BOOK, new(TaskState.ON_THE_WAY), Happened.RECURRED, NOW)
    assert [(plan.kind, plan.due_at) for plan in held.plan] == [(K.AGAIN, NOW)]
    waiting = Standing(state=TaskState.NEW, run=1, number=0, waits=True)
    assert decide(BOOK, waiting, Happened.RECURRED, NOW) == Decision()
    ended = Standing(state=TaskState.NEW, run=1, number=2)
    assert decide(BOOK, ended, Happened.RECURRED, NOW).plan == (call(2, 2, NOW),)


def test_a_further_emergency_has_to_be_answered_by_its_holder() -> None:
    """As long as the first step that waits, and whoever is on site too; then everybody is sought anew."""
    for state in (TaskState.ACKNOWLEDGED, TaskState.ON_SITE):
        held = decide(BOOK, new(state, number=2), Happened.URGENT, NOW)
        assert (K.AGAIN, NOW) in [(plan.kind, plan.due_at) for plan in held.plan]
        assert (K.ANSWER, at(60)) in [(plan.kind, plan.due_at) for plan in held.plan]
    assert decide(BOOK, new(TaskState.ON_SITE), Happened.HEARD, NOW).cancel == {K.ANSWER}
    silent = decide(BOOK, new(TaskState.DISPATCHED, number=2), Happened.UNHEARD, NOW)
    assert silent.plan == (call(2, 0, NOW),)
    waiting = Standing(state=TaskState.NEW, run=1, number=0, waits=True)
    assert decide(BOOK, waiting, Happened.URGENT, NOW) == Decision()


def test_what_is_graver_than_what_its_holder_took_tells_them_and_everybody() -> None:
    decision = decide(BOOK, new(TaskState.DISPATCHED, number=2), Happened.OUTGROWN, NOW)
    assert decision.plan == (Planned(kind=K.AGAIN, run=2, due_at=NOW), call(2, 0, NOW))
    assert {K.ARRIVAL, K.UNFINISHED, K.TAKEN} <= decision.cancel


def test_the_last_round_comes_again_until_somebody_takes_it() -> None:
    """All who are told together with the last step, once a round; without a number the chain ends."""
    assert decide(BOOK, new(number=2), Happened.UNANSWERED, NOW) == Decision()
    round_ = Playbook(steps=(step(60), step(0), step(0), step(90, repeat=3)), again_every_s=600)
    (again,) = decide(round_, new(number=3, turn=3), Happened.UNANSWERED, NOW).plan
    assert again == call(2, 1, at(600))
    alone = Playbook(steps=(step(60), step(90, repeat=3)), again_every_s=600)
    (again,) = decide(alone, new(number=1, turn=3), Happened.UNANSWERED, NOW).plan
    assert again == call(2, 1, at(600), turn=3)
    then = Standing(state=TaskState.NEW, run=2, number=1, turn=3)
    assert [plan.kind for plan in decide(alone, then, Happened.TOLD, at(600)).plan] == [K.END]


def test_whoever_is_there_or_has_helped_is_reminded_to_end_it_again_and_again() -> None:
    book = Playbook(steps=BOOK.steps, arrive_within_s=900, close_within_s=7_200)
    for state, what in (
        (TaskState.ON_SITE, Happened.ARRIVED),
        (TaskState.RESOLVED, Happened.RESOLVED),
    ):
        decision = decide(book, new(state), what, NOW)
        assert decision.plan == (Planned(kind=K.UNFINISHED, run=1, due_at=at(7_200)),)
    again = decide(book, new(TaskState.RESOLVED, turn=0), Happened.REMINDED, NOW)
    assert again.plan == (Planned(kind=K.UNFINISHED, run=1, turn=1, due_at=at(7_200)),)


def test_a_playbook_that_became_shorter_is_gone_on_with() -> None:
    """A run may have told a step that the playbook which counts now has not."""
    for what in Happened:
        if what not in (Happened.TOLD, Happened.NOBODY):  # whoever does a step looks it up in its own
            decision = decide(BOOK, new(TaskState.DISPATCHED, number=9), what, NOW)
            assert all(plan.number < len(BOOK.steps) for plan in decision.plan), what


def test_a_task_handed_over_tells_its_holder_and_goes_on_if_nobody_answers() -> None:
    decision = decide(BOOK, new(TaskState.DISPATCHED, number=1), Happened.GIVEN, NOW)
    assert [(plan.kind, plan.due_at) for plan in decision.plan] == [(K.AGAIN, NOW), (K.CALL, at(30))]


def test_a_snoozed_task_is_silent_until_its_time() -> None:
    """Whoever has it is told again then and has to arrive; where nobody has it, the chain goes on."""
    free = decide(BOOK, new(number=1), Happened.SNOOZED, NOW, until=at(600))
    chain = frozenset(StepKind) - {K.INFORM, K.WATCHERS}
    assert free == Decision(plan=(call(2, 1, at(600)),), cancel=chain, cancel_sends=True)
    held = decide(BOOK, new(TaskState.ACKNOWLEDGED), Happened.SNOOZED, NOW, until=at(600))
    assert [(plan.kind, plan.due_at) for plan in held.plan] == [(K.AGAIN, at(600)), (K.ARRIVAL, at(1_500))]
    there = decide(BOOK, new(TaskState.ON_SITE), Happened.SNOOZED, NOW, until=at(600))
    assert [plan.kind for plan in there.plan] == [K.AGAIN, K.UNFINISHED]
    assert K.TAKEN not in there.cancel  # the others still hear who has it


def test_a_task_that_was_opened_in_silence_begins_with_the_next_occurrence() -> None:
    decision = decide(BOOK, Standing(state=TaskState.NEW), Happened.RECURRED, NOW)
    assert decision.plan == (call(1, 0, NOW),)


@pytest.mark.parametrize("what", Happened)
@pytest.mark.parametrize("state", TaskState)
def test_at_most_one_of_a_kind_is_planned_and_nothing_in_the_past(what: Happened, state: TaskState) -> None:
    decision = decide(BOOK, new(state, number=0), what, NOW)
    kinds = [plan.kind for plan in decision.plan]
    assert len(kinds) == len(set(kinds))
    assert all(plan.due_at >= NOW for plan in decision.plan)


@given(
    st.lists(st.tuples(st.integers(1, 3_600), st.integers(0, 3)), min_size=1, max_size=6),
    st.lists(st.booleans(), min_size=30, max_size=30),
)
def test_every_chain_reaches_all_its_steps_in_order(steps: list[tuple[int, int]], found: list[bool]) -> None:
    """Whoever is found or not: the chain ends, skips nobody, and waits as long as the steps that told."""
    book = Playbook(steps=tuple(step(within, repeat) for within, repeat in steps))
    (plan,) = decide(book, Standing(state=TaskState.NEW), Happened.OPENED, NOW).plan
    seen: list[int] = []
    waited = 0
    while plan.kind is K.CALL:
        told = found[len(seen)]
        seen.append(plan.number)
        waited += book.steps[plan.number].within_s if told else 0
        standing = Standing(state=TaskState.NEW, run=plan.run, number=plan.number, turn=plan.turn)
        what = Happened.TOLD if told else Happened.NOBODY
        (plan,) = decide(book, standing, what, plan.due_at).plan
    assert sorted(set(seen)) == list(range(len(steps)))
    assert seen == sorted(seen)
    assert plan.due_at == at(waited)
