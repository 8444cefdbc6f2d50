"""What is sent next, and again."""

from gateway.core.window import (
    ALARMS_IN_FLIGHT,
    FRAMES_IN_FLIGHT,
    FRAMES_UNDELIVERED,
    LONGEST_RESEND_MS,
    RESEND_MS,
    ItemId,
    Window,
)


def alarms(*seqs: int) -> list[ItemId]:
    return [("alarm", "e", seq) for seq in seqs]


def frames(*seqs: int) -> list[ItemId]:
    return [("data", "f", seq) for seq in seqs]


def hand_over(window: Window, items: list[ItemId], now_ms: int) -> None:
    for item in items:
        window.handed_over(item, now_ms)


def test_alarms_go_first_and_alone() -> None:
    window = Window()
    assert window.next(0, alarms(1, 2), frames(1)) == alarms(1, 2)
    hand_over(window, alarms(1, 2), 1)
    assert window.next(2, alarms(1, 2), frames(1)) == []
    window.acknowledged(("alarm", "e", 1), 3)
    assert window.next(3, alarms(2), frames(1)) == []
    window.acknowledged(("alarm", "e", 2), 4)
    assert window.next(4, [], frames(1)) == frames(1)


def test_an_alarm_that_is_never_acknowledged_does_not_hold_telemetry_for_ever() -> None:
    window = Window()
    window.next(0, alarms(1), frames(1))
    hand_over(window, alarms(1), 0)
    assert window.next_due_ms() == RESEND_MS
    assert window.next(RESEND_MS, alarms(1), frames(1)) == alarms(1) + frames(1)


def test_a_new_alarm_overtakes_frames_that_wait() -> None:
    window = Window()
    sent = window.next(0, [], frames(1, 2, 3, 4))
    assert sent == frames(1, 2)
    assert window.next(1, alarms(1), frames(1, 2, 3, 4)) == alarms(1)


def test_frames_are_limited_in_flight_and_on_their_way_to_the_broker() -> None:
    window = Window()
    waiting = frames(*range(50))
    sent: list[ItemId] = []
    while chosen := window.next(0, [], waiting):
        assert len(chosen) <= FRAMES_UNDELIVERED
        hand_over(window, chosen, 0)
        sent += chosen
    assert sent == waiting[:FRAMES_IN_FLIGHT]


def test_fresh_frames_go_before_the_backlog() -> None:
    window = Window()
    assert window.next(0, [], frames(9), frames(1, 2)) == [*frames(9), *frames(1)]


def test_alarms_are_limited_too() -> None:
    assert len(Window().next(0, alarms(*range(ALARMS_IN_FLIGHT + 5)), [])) == ALARMS_IN_FLIGHT


def test_resending_backs_off_and_counts_from_the_brokers_receipt() -> None:
    window = Window()
    now_ms, gaps = 0, []
    window.next(0, alarms(1), [])
    assert window.next(10 * RESEND_MS, alarms(1), []) == []
    hand_over(window, alarms(1), now_ms)
    for _ in range(6):
        due_ms = window.next_due_ms()
        assert due_ms is not None
        due_ms = max(due_ms, now_ms + RESEND_MS)
        while not window.next(due_ms, alarms(1), []):
            due_ms += RESEND_MS
        hand_over(window, alarms(1), due_ms)
        gaps.append(due_ms - now_ms)
        now_ms = due_ms
    assert gaps == [RESEND_MS, 2 * RESEND_MS, 4 * RESEND_MS, 8 * RESEND_MS, *[LONGEST_RESEND_MS] * 2]


def test_a_new_connection_sends_everything_anew() -> None:
    window = Window()
    window.next(0, alarms(1), [])
    hand_over(window, alarms(1), 0)
    window.reconnected()
    assert window.next(1, alarms(1), []) == alarms(1)


def test_what_no_longer_waits_is_never_due() -> None:
    window = Window()
    window.next(0, [], frames(1))
    hand_over(window, frames(1), 0)
    window.next(1, [], [])
    assert window.next_due_ms() is None


def test_the_round_trip_is_from_the_first_sending_to_the_servers_word() -> None:
    window = Window()
    window.next(100, alarms(1), [])
    window.handed_over(("alarm", "e", 1), 103)
    window.acknowledged(("alarm", "e", 1), 107)
    assert window.rtt_ms == 7
    window.acknowledged(("alarm", "e", 99), 999)
    assert window.rtt_ms == 7
