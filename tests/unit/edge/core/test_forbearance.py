"""When a device is left alone whose payloads cost too much, and when it is heard again."""

from edge.core.forbearance import COSTLY, FIRST_REST_MS, LONGEST_REST_MS, Forbearance

NOW_MS = 1_780_000_000_000


def after(payloads: int, now_ms: int = NOW_MS) -> Forbearance:
    state = Forbearance()
    for _ in range(payloads):
        state = state.cost(now_ms)
    return state


def test_a_few_costly_payloads_are_borne() -> None:
    assert not Forbearance().rests(NOW_MS)
    assert not after(COSTLY - 1).rests(NOW_MS)


def test_then_it_rests_and_is_heard_again() -> None:
    state = after(COSTLY)
    assert state.rests(NOW_MS)
    assert state.rests(NOW_MS + FIRST_REST_MS - 1)
    assert not state.rests(NOW_MS + FIRST_REST_MS)


def test_rests_double_up_to_a_minute() -> None:
    ends = [after(COSTLY + more).until_ms - NOW_MS for more in (0, 1, 2, 50)]
    assert ends == [FIRST_REST_MS, 2 * FIRST_REST_MS, 4 * FIRST_REST_MS, LONGEST_REST_MS]


def test_a_clock_put_back_ends_a_rest() -> None:
    assert not after(COSTLY).rests(NOW_MS - 2 * LONGEST_REST_MS)
