"""Alarm messages into the record: one open alarm, one task, an occurrence a press. On both SQL engines."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from gateway.rules.model import Severity, TaskKind
from gateway.wire import AlarmMessage
from server.alarms import service
from server.alarms.service import Recorded
from server.clock import to_ms
from server.db.database import Change, Database
from server.db.models import Alarm, Occurrence, Task, TaskEvent
from server.errors import InvalidError
from server.ingest import handlers
from server.tasks import service as tasks
from server.tasks.states import TaskAction
from server.users.roles import Role
from server.wells import gates
from server.wells.policy import WellPolicy
from tests.contract.server.conftest import NOW, person


def press(seq: int, **changed: object) -> AlarmMessage:
    """A press of the button at home-sos."""
    values: dict[str, object] = {
        "epoch": "e1",
        "seq": seq,
        "event": "occurred",
        "breach": f"b{seq}",
        "position": "home-sos",
        "device": "d-home-sos",
        "rule": "sos",
        "severity": Severity.CRITICAL,
        "task_kind": TaskKind.CARE,
        "point": "action",
        "value": "emergency",
        "device_ms": to_ms(NOW),
        "gateway_ms": to_ms(NOW) + 5,
        "ends": False,
    }
    return AlarmMessage(**{**values, **changed})  # type: ignore[arg-type]


def opened_cover(seq: int, **changed: object) -> AlarmMessage:
    """The cover of the well is open."""
    return press(
        seq,
        **{
            "position": "well",
            "device": "d-well",
            "rule": "cover_open",
            "severity": Severity.MAJOR,
            "task_kind": TaskKind.WELL,
            "breach": "cover",
            "ends": True,
            **changed,
        },
    )


def record(database: Database, message: AlarmMessage, *, after_s: float = 0) -> Recorded:
    """Keeps one message, as the ingest does."""
    with database.write() as session:
        return service.record(
            session, gateway_id="gw-1", message=message, now=NOW + timedelta(seconds=after_s)
        )


def counts(database: Database) -> tuple[int, int, int]:
    """How many tasks, alarms and occurrences there are."""
    with database.read() as session:
        return tuple(  # type: ignore[return-value]
            session.scalar(select(func.count()).select_from(model)) or 0
            for model in (Task, Alarm, Occurrence)
        )


def test_a_press_opens_one_alarm_and_one_task_for_the_resident(street: Database) -> None:
    """… and says so to the pages, after the commit."""
    told: list[Change] = []
    street.listeners.append(told.append)
    assert record(street, press(1)) is Recorded.OPENED
    assert counts(street) == (1, 1, 1)
    with street.read() as session:
        task = session.scalars(select(Task)).one()
        assert (task.kind, task.subject_kind, task.subject_id) == ("care", "resident", "r1")
        assert (task.severity, task.rule, task.state) == ("critical", "sos", "new")
        assert task.device_at == NOW
    assert told == [Change("task", str(task.id), "opened")]


def test_the_second_press_is_its_own_occurrence_under_the_same_alarm(street: Database) -> None:
    record(street, press(1))
    assert record(street, press(2), after_s=30) is Recorded.JOINED
    assert counts(street) == (1, 1, 2)


def test_a_message_that_arrives_twice_changes_nothing(street: Database) -> None:
    record(street, press(1))
    assert record(street, press(1), after_s=5) is Recorded.DUPLICATE
    assert counts(street) == (1, 1, 1)


def test_two_gateways_that_count_alike_lose_no_alarm_to_each_other(street: Database) -> None:
    """A copied card: both go on with the same epoch and numbers."""
    assert record(street, press(1)) is Recorded.OPENED
    twin = press(1, breach="twin", device_ms=to_ms(NOW) + 9_000)
    assert record(street, twin, after_s=10) is Recorded.JOINED
    for message in (press(1), twin):
        assert record(street, message, after_s=15) is Recorded.DUPLICATE
    assert counts(street) == (1, 1, 2)


def test_fall_and_press_in_one_home_are_one_task_of_the_worst_severity(street: Database) -> None:
    record(street, press(1, severity=Severity.MINOR))
    record(street, press(2, position="home-fall", device="d-home-fall", rule="fall"))
    assert counts(street) == (1, 2, 2)
    with street.read() as session:
        task = session.scalars(select(Task)).one()
        assert (task.severity, task.rule, task.occurrences) == ("critical", "fall", 2)


def test_fifty_presses_at_once_are_one_alarm_one_task_fifty_occurrences(street: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda seq: record(street, press(seq)), range(1, 51)))
    assert counts(street) == (1, 1, 50)
    assert sorted(results) == sorted([Recorded.OPENED] + [Recorded.JOINED] * 49)


def test_the_same_message_from_many_threads_is_one_occurrence(street: Database) -> None:
    context = type("C", (), {"database": street})()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: handlers._record(context, "gw-1", press(7)), range(20)))
    assert counts(street) == (1, 1, 1)


def test_a_condition_that_ends_clears_its_alarm_and_leaves_the_task_to_people(street: Database) -> None:
    record(street, opened_cover(1))
    assert record(street, opened_cover(2, event="cleared"), after_s=60) is Recorded.CLEARED
    with street.read() as session:
        alarm, task = session.scalars(select(Alarm)).one(), session.scalars(select(Task)).one()
        assert alarm.cleared_at == NOW + timedelta(seconds=60)
        assert alarm.cleared_by == "gateway"
        assert task.closed_at is None


def test_an_end_that_overtakes_its_beginning_still_leaves_a_task(street: Database) -> None:
    record(street, opened_cover(2, event="cleared"))
    assert counts(street) == (0, 0, 1)
    record(street, opened_cover(1), after_s=1)
    with street.read() as session:
        assert session.scalars(select(Alarm)).one().cleared_at is not None
        assert session.scalars(select(Task)).one().closed_at is None


def test_the_end_of_an_older_breach_does_not_clear_a_newer_one(street: Database) -> None:
    record(street, opened_cover(1, breach="first"))
    record(street, opened_cover(3, breach="second"))
    record(street, opened_cover(2, breach="first", event="cleared"))
    with street.read() as session:
        assert session.scalars(select(Alarm)).one().cleared_at is None


def test_closing_ends_a_press_but_not_an_open_cover(street: Database) -> None:
    boss = person(street, Role.MANAGER, "boss")
    record(street, press(1))
    record(street, opened_cover(2))
    with street.write() as session:
        checks = [check.key for check in WellPolicy().checks]
        gates.tick(session, boss, 2, checks, guard="周", now=NOW)
    for task_id in (1, 2):
        close(street, boss, task_id)
    with street.read() as session:
        cleared = {alarm.rule: alarm.cleared_by for alarm in session.scalars(select(Alarm))}
    assert cleared == {"sos": "task", "cover_open": None}


def test_a_press_after_closing_opens_a_new_alarm_and_task(street: Database) -> None:
    record(street, press(1))
    close(street, person(street, Role.MANAGER, "boss"), 1)
    assert record(street, press(2), after_s=600) is Recorded.OPENED
    assert counts(street) == (2, 2, 2)


def test_a_press_brings_a_resolved_task_back(street: Database) -> None:
    boss = person(street, Role.MANAGER, "boss")
    record(street, press(1))
    for action in (TaskAction.ACKNOWLEDGE, TaskAction.RESOLVE):
        act(street, boss, 1, action)
    record(street, press(2), after_s=60)
    with street.read() as session:
        assert session.get_one(Task, 1).state == "dispatched"
        events = [event.action for event in session.scalars(select(TaskEvent).order_by(TaskEvent.id))]
    assert events == ["opened", "acknowledge", "resolve", "recurred"]


def test_an_old_press_is_late_and_keeps_both_times(street: Database) -> None:
    record(street, press(1), after_s=3600)
    with street.read() as session:
        task, occurrence = session.scalars(select(Task)).one(), session.scalars(select(Occurrence)).one()
        assert task.late
        assert occurrence.late
        assert occurrence.server_at - occurrence.device_at == timedelta(hours=1)


def test_a_live_press_that_joins_a_late_task_is_awaited_from_then_on(street: Database) -> None:
    """Nobody could answer the late one in time; the live one counts in the answer times, from its arrival."""
    record(street, press(1), after_s=3600)
    live = to_ms(NOW + timedelta(seconds=3700))
    record(street, press(2, device_ms=live, gateway_ms=live), after_s=3701)
    with street.read() as session:
        task = session.scalars(select(Task)).one()
        assert (task.late, task.told_at) == (False, NOW + timedelta(seconds=3701))
    record(street, press(3), after_s=3800)  # another late one takes nothing back
    with street.read() as session:
        assert not session.scalars(select(Task)).one().late


@pytest.mark.parametrize("device_ms", [0, 4_102_444_800_000, -1, 2**62])
def test_an_impossible_device_time_is_replaced_and_flagged(street: Database, device_ms: int) -> None:
    record(street, press(1, device_ms=device_ms))
    with street.read() as session:
        occurrence = session.scalars(select(Occurrence)).one()
        assert occurrence.device_at == NOW + timedelta(milliseconds=5)
        assert not occurrence.clock_trusted


def test_an_unknown_position_is_refused_with_what_to_do(street: Database) -> None:
    with pytest.raises(InvalidError, match=r"position 'nowhere' is not known: register it"):
        record(street, press(1, position="nowhere"))
    assert counts(street) == (0, 0, 0)


def test_a_gateway_speaks_only_for_its_own_positions(street: Database) -> None:
    with (
        pytest.raises(InvalidError, match="never been read through gateway 'gw-2'"),
        street.write() as session,
    ):
        service.record(session, gateway_id="gw-2", message=press(1), now=NOW)
    assert counts(street) == (0, 0, 0)


def act(database: Database, viewer: object, task_id: int, action: TaskAction) -> None:
    """One step of a person, with an outcome wherever one may be wanted."""
    outcome = "test" if action in (TaskAction.RESOLVE, TaskAction.CLOSE) else None
    wanted = tasks.Act(action=action, outcome=outcome, note="as it was")
    with database.write() as session:
        tasks.act(session, viewer, task_id, wanted, now=NOW)  # type: ignore[arg-type]


def close(database: Database, viewer: object, task_id: int) -> None:
    """From the beginning to the end."""
    for action in (TaskAction.ACKNOWLEDGE, TaskAction.RESOLVE, TaskAction.CLOSE):
        act(database, viewer, task_id, action)


def test_an_alarm_that_grows_worse_says_so_and_never_better(street: Database) -> None:
    for seq, severity in enumerate((Severity.MINOR, Severity.CRITICAL, Severity.MAJOR), 1):
        record(street, press(seq, severity=severity))
    with street.read() as session:
        assert session.scalars(select(Alarm.severity)).all() == ["critical"]
