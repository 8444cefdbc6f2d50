"""When the broker is tried again."""

import pytest

from gateway.core.reconnect import (
    ALARM_PAUSE_MS,
    FIRST_PAUSE_MS,
    LONGEST_PAUSE_MS,
    SETTLED_MS,
    TRANSITIONS,
    IllegalEventError,
    LinkEvent,
    LinkState,
    Reconnect,
)


def connecting() -> Reconnect:
    link = Reconnect()
    link.on(LinkEvent.START, 0)
    return link


def pauses(link: Reconnect, event: LinkEvent, times: int, jitter: float = 1.0) -> list[int]:
    found = []
    for _ in range(times):
        link.on(event, 0, jitter)
        found.append(link.pause_ms)
        link.on(LinkEvent.WAKE, 0)
    return found


def test_pauses_double_up_to_the_longest() -> None:
    found = pauses(connecting(), LinkEvent.FAILED, 12)
    assert found[:4] == [FIRST_PAUSE_MS, 2 * FIRST_PAUSE_MS, 4 * FIRST_PAUSE_MS, 8 * FIRST_PAUSE_MS]
    assert found[-1] == LONGEST_PAUSE_MS


def test_jitter_spreads_them_over_the_upper_half() -> None:
    assert pauses(connecting(), LinkEvent.FAILED, 1, 0.0) == [FIRST_PAUSE_MS // 2]


def test_a_refused_log_in_waits_longest_at_once() -> None:
    assert pauses(connecting(), LinkEvent.REFUSED, 1) == [LONGEST_PAUSE_MS]


def test_a_connection_that_lasted_begins_with_the_first_pause() -> None:
    link = connecting()
    pauses(link, LinkEvent.FAILED, 5)
    link.on(LinkEvent.CONNECTED, 1_000)
    link.on(LinkEvent.LOST, 1_000 + SETTLED_MS, 1.0)
    assert link.pause_ms == FIRST_PAUSE_MS


def test_one_that_broke_at_once_does_not() -> None:
    link = connecting()
    pauses(link, LinkEvent.FAILED, 5)
    link.on(LinkEvent.CONNECTED, 1_000)
    link.on(LinkEvent.LOST, 1_001, 1.0)
    assert link.pause_ms > FIRST_PAUSE_MS


@pytest.mark.parametrize("state", list(LinkState))
@pytest.mark.parametrize("event", list(LinkEvent))
def test_what_the_table_does_not_have_raises_and_changes_nothing(state: LinkState, event: LinkEvent) -> None:
    link = Reconnect(state=state)
    following = TRANSITIONS[state].get(event)
    if following is not None:
        assert link.on(event, 0) is following
        return
    with pytest.raises(IllegalEventError):
        link.on(event, 0)
    assert (link.state, link.pause_ms) == (state, 0)


def test_an_alarm_that_waits_shortens_the_pause_but_opens_no_door() -> None:
    link = Reconnect()
    link.on(LinkEvent.START, 0)
    for _ in range(12):
        link.on(LinkEvent.FAILED, 0, 1.0)
        link.on(LinkEvent.WAKE, 0)
    link.on(LinkEvent.FAILED, 0, 1.0)
    assert link.pause(hurried=False) == LONGEST_PAUSE_MS
    assert link.pause(hurried=True) == ALARM_PAUSE_MS
    link.on(LinkEvent.WAKE, 0)
    link.on(LinkEvent.FAILED, 0, 0.0)
    assert ALARM_PAUSE_MS / 2 < link.pause(hurried=True) < ALARM_PAUSE_MS
    link.on(LinkEvent.WAKE, 0)
    link.on(LinkEvent.REFUSED, 0, 1.0)
    assert link.pause(hurried=True) == LONGEST_PAUSE_MS
