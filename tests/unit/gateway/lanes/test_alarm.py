"""The alarm lane: nothing committed is lost or doubled, wherever it is cut."""

import os
import shutil
import sqlite3
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from gateway.lanes.alarm import AlarmLane
from gateway.lanes.files import LaneError, LaneInUseError
from gateway.rules.memory import REMEMBERED_MESSAGES, REMEMBERED_MS, Saved
from gateway.rules.model import Event
from gateway.rules.outcomes import Outcome
from tests.unit.gateway.rules.scenes import HOME, START, rule

SOS = rule(Event(point="sos"), "sos")


def press(number: int, identity: str | None = None, device: str = "d1") -> Outcome:
    return Outcome(
        event="occurred",
        breach=f"b{number}",
        rule=SOS,
        device=device,
        point="sos",
        value=True,
        device_ms=START + number,
        clock_trusted=True,
        identity=identity,
    )


def state(text: str | None) -> Saved:
    return Saved(position=HOME, id="sos", document=None if text is None else text.encode())


def opened(path: Path, epoch: str = "e1") -> AlarmLane:
    return AlarmLane.open(path, now_ms=START, new_epoch=lambda: epoch)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "alarm.db"


def test_keeps_until_acknowledged(path: Path) -> None:
    lane = opened(path)
    sent = lane.write([press(1), press(2)], [], START)
    assert [(one.epoch, one.seq, one.breach, one.gateway_ms) for one in sent] == [
        ("e1", 1, "b1", START),
        ("e1", 2, "b2", START),
    ]
    assert lane.pending() == sent
    assert lane.depth() == (2, START)
    lane.acknowledge("e1", [1])
    lane.acknowledge("another epoch", [2])
    assert [one.seq for one in lane.pending()] == [2]
    assert lane.pending(0) == []


def test_a_restart_keeps_epoch_messages_states_and_goes_on_counting(path: Path) -> None:
    lane = opened(path)
    lane.write([press(1, "d1\nk1")], [state("one")], START)
    lane.acknowledge("e1", [1])
    lane.close()
    again = opened(path, "unused")
    assert again.epoch == "e1"
    assert again.trouble is None
    assert again.states() == [state("one")]
    assert [one.identity for one in again.seen()] == ["d1\nk1"]
    assert [one.seq for one in again.write([press(2)], [], START)] == [2]


def test_a_message_kept_before_is_dropped_but_all_its_outcomes_count_once(path: Path) -> None:
    lane = opened(path)
    assert len(lane.write([press(1, "d1\nk1"), press(2, "d1\nk1")], [], START)) == 2
    assert lane.write([press(3, "d1\nk1")], [], START) == []
    assert len(lane.write([press(4, "d1\nk2"), press(5)], [], START)) == 2


def test_messages_are_remembered_for_a_day_or_a_thousand_others(path: Path) -> None:
    lane = opened(path)
    lane.write([press(0, "d2\nkept", "d2")], [], START)
    lane.write([press(n, f"d1\n{n}") for n in range(REMEMBERED_MESSAGES + 5)], [], START)
    assert len(lane.seen()) == REMEMBERED_MESSAGES + 1
    lane.write([press(1)], [], START + REMEMBERED_MS + 1)
    assert lane.seen() == []


def test_a_rule_that_is_gone_is_forgotten(path: Path) -> None:
    lane = opened(path)
    lane.write([press(1, "d1\nk")], [state("one")], START)
    lane.write([], [state(None)], START)
    assert (lane.states(), lane.seen()) == ([], [])


def test_a_full_disk_is_said_and_nothing_half_written_stays(path: Path) -> None:
    lane = AlarmLane.open(path, now_ms=START, new_epoch=lambda: "e1", quota_mb=1)
    kept = 0

    def fill() -> None:
        nonlocal kept
        for number in count():
            lane.write([press(number, f"d1\n{number}")] * 10, [], START)
            kept += 10

    with pytest.raises(LaneError, match="full"):
        fill()
    assert lane.depth()[0] == kept
    lane.acknowledge("e1", range(kept))
    assert [one.seq for one in lane.write([press(1)], [], START)] == [kept + 1]


def test_two_gateways_cannot_share_a_folder(path: Path) -> None:
    lane = opened(path)
    with pytest.raises(LaneInUseError):
        opened(path)
    lane.close()


@pytest.mark.parametrize("damage", ["header", "middle", "newer"])
def test_a_broken_file_is_set_aside_and_what_it_still_gives_is_kept(path: Path, damage: str) -> None:
    lane = opened(path)
    sent = lane.write([press(n) for n in range(200)], [state("one")], START)
    lane.close()
    if damage == "newer":
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
    else:
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.seek(0 if damage == "header" else size // 2)
            file.write(os.urandom(4096))
    lane = opened(path, "e2")
    assert lane.trouble is not None
    assert "set aside" in lane.trouble
    assert len(list(path.parent.glob("alarm.db.broken-*"))) == 1
    assert lane.epoch == "e2"
    found = lane.pending()
    assert found == sent[: len(found)]
    assert {"header": len(found) == 0, "middle": len(found) > 0, "newer": found == sent}[damage]
    (fresh,) = lane.write([press(999)], [], START)
    assert (fresh.epoch, fresh.seq) == ("e2", 1)
    lane.acknowledge("e1", [one.seq for one in found])
    assert lane.pending() == [fresh]


def test_a_folder_that_takes_no_file_leaves_a_lane_in_memory(tmp_path: Path) -> None:
    lane = opened(tmp_path / "missing" / "alarm.db")
    assert lane.trouble is not None
    assert "memory only" in lane.trouble
    assert len(lane.write([press(1)], [], START)) == 1


def test_a_cut_before_any_statement_loses_nothing_committed_and_leaves_nothing_half(
    path: Path, tmp_path: Path
) -> None:
    """At each statement the files are copied as they are, as a power cut would leave them."""
    lane = opened(path)
    committed = 0
    copies: list[tuple[Path, int]] = []

    def copy(_statement: str) -> None:
        folder = tmp_path / f"cut{len(copies)}"
        folder.mkdir()
        for file in path.parent.glob("alarm.db*"):
            shutil.copy(file, folder)
        copies.append((folder / "alarm.db", committed))

    lane._connection.set_trace_callback(copy)
    for number in range(1, 7):
        lane.write([press(number, f"d1\n{number}")], [state(str(number))], START)
        committed = number
    lane._connection.set_trace_callback(None)
    copy("")
    assert len(copies) > 30
    for place, sure in copies:
        after = opened(place)
        assert after.trouble is None
        found = [one.seq for one in after.pending()]
        assert found in (list(range(1, sure + 1)), list(range(1, sure + 2)))
        assert after.states() == ([state(str(len(found)))] if found else [])
        assert len(after.seen()) == len(found)
        after.close()


def test_a_log_cut_at_any_length_gives_a_whole_prefix(path: Path, tmp_path: Path) -> None:
    """A power cut in the middle of a write leaves a torn log: only what is whole in it counts."""
    lane = opened(path)
    lane._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for number in range(1, 5):
        lane.write([press(number)], [state(str(number))], START)
    log = path.with_name("alarm.db-wal").read_bytes()
    found_at = []
    for length in range(0, len(log) + 1, 509):
        place = tmp_path / f"torn{length}" / "alarm.db"
        place.parent.mkdir()
        shutil.copy(path, place)
        place.with_name("alarm.db-wal").write_bytes(log[:length])
        after = opened(place)
        found = [one.seq for one in after.pending()]
        assert found == list(range(1, len(found) + 1))
        assert after.states() == ([state(str(len(found)))] if found else [])
        found_at.append(len(found))
        after.close()
    assert found_at == sorted(found_at)
    assert {found_at[0], found_at[-1]} <= {0, 3, 4}


WRITER = """
import os, sys
from pathlib import Path
from tests.unit.gateway.lanes.test_alarm import opened, press, state, START

lane = opened(Path(sys.argv[1]))
left = int(sys.argv[2])

def die(_statement):
    global left
    left -= 1
    if left == 0:
        os._exit(9)

lane._connection.set_trace_callback(die)
first = lane.pending()[-1].seq + 1 if lane.pending() else 1
for number in range(first, first + 3):
    lane.write([press(number, f"d1\\n{number}")], [state(str(number))], START)
    os.write(1, f"{number}\\n".encode())
"""


def test_a_killed_process_loses_nothing_it_had_said_was_kept(path: Path) -> None:
    """Killed between two statements, again and again on one file; what it printed was kept."""
    printed: list[int] = []
    for statements in (3, 9, 14, 19, 24):
        done = subprocess.run(
            [sys.executable, "-c", WRITER, str(path), str(statements)],
            capture_output=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 9, done.stderr.decode()
        printed += [int(line) for line in done.stdout.split()]
    lane = opened(path)
    found = [one.seq for one in lane.pending()]
    assert found == list(range(1, len(found) + 1))
    assert set(printed) <= set(found)
    assert len(printed) >= 3
    assert lane.states() == [state(str(found[-1]))]
