"""What a press asks of the database: few statements, since all of them stand between it and a person."""

from sqlalchemy import event

from gateway.rules.model import TaskKind
from server.db.database import Database
from tests.contract.server.test_alarm_record import press, record
from tests.contract.server.test_joining import neighbour
from tests.contract.server.test_windows import declare

OPENS = [
    "SELECT positions",  # all that has to be known before
    "INSERT tasks",
    "SELECT tasks",  # the one that it may come back to
    "INSERT task_events",
    "SELECT playbooks",
    "INSERT dispatch_steps",
    "INSERT alarms",
    "INSERT occurrences",
]
JOINS = [
    "SELECT positions",
    "INSERT tasks",
    "INSERT task_events",
    "SELECT dispatch_steps",  # whether the chain goes on anyway
    "INSERT alarms",
    "INSERT occurrences",
]


def test_a_press_costs_so_many_statements_and_no_more(staffed: Database) -> None:
    seen = listen(staffed)
    record(staffed, press(1))
    assert seen == OPENS
    seen.clear()
    record(staffed, press(2))
    assert seen == JOINS
    seen.clear()
    record(staffed, press(2))  # arrives again
    assert seen == ["SELECT positions", "SELECT occurrences"]


def test_only_where_somebody_else_needs_help_there_or_work_is_declared_more_is_looked_at(
    staffed: Database,
) -> None:
    neighbour(staffed, address="幸福路1号")
    seen = listen(staffed)
    record(staffed, press(1, position="home-fall", device="d-home-fall", rule="fall"))
    assert seen == OPENS
    seen.clear()
    record(staffed, press(2))  # somebody else there has a task: may it be joined?
    assert seen == [*OPENS[:1], "SELECT policies", *OPENS[1:]]
    declare(staffed, ("area", "area"))
    record(staffed, press(3, position="well", device="d-well", rule="cover_open", task_kind=TaskKind.WELL))
    seen.clear()
    record(staffed, press(4, position="well", device="d-well", rule="cover_open", task_kind=TaskKind.WELL))
    assert "SELECT windows" in seen


def listen(database: Database) -> list[str]:
    """What the database is asked from now on: the first word of each statement and its table."""
    seen: list[str] = []

    def note(_c: object, _u: object, text: str, *_more: object) -> None:
        words = text.split()
        if words[0] == "INSERT":
            seen.append(f"INSERT {words[2]}")
        elif words[0] != "BEGIN":  # only SQLite's is seen
            column = next(word for word in words if "." in word)
            seen.append(f"{words[0]} {column.partition('.')[0]}")

    event.listen(database.engine, "before_cursor_execute", note)
    return seen
