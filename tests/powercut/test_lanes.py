"""Power cuts between any two file operations: what was said to be kept is there, nothing is half there."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from gateway.lanes.spill import SpillFile
from gateway.store import DesiredStore
from tests.parts.powercut import images, lay_out, record
from tests.unit.gateway.lanes.test_alarm import opened, press, state
from tests.unit.gateway.rules.scenes import START

ALARMS = """
import os, sys
from pathlib import Path
from tests.unit.gateway.lanes.test_alarm import START, opened, press, state

folder, presses, checkpoint = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
lane = opened(folder / "alarms.db")
lane._connection.execute(f"PRAGMA wal_autocheckpoint = {checkpoint}")
for number in range(1, presses + 1):
    lane.write([press(number, f"d1\\n{number}")], [state(str(number))], START)
    os.write(1, f"kept {number}\\n".encode())
    if number % 3 == 0:
        os.write(1, f"acknowledging {number - 2}\\n".encode())
        lane.acknowledge("e1", [number - 2])
        os.write(1, f"acknowledged {number - 2}\\n".encode())
    if number == presses // 2:
        lane.close()
        lane = opened(folder / "alarms.db")
        lane._connection.execute(f"PRAGMA wal_autocheckpoint = {checkpoint}")
lane.close()
"""


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Iterator[Path]]:
    """Names of folders for images, in memory where the machine has such a place: they are opened by the
    thousand."""
    memory = Path("/dev/shm")
    base = Path(tempfile.mkdtemp(prefix="sunwell-cuts-", dir=memory if memory.is_dir() else tmp_path))
    yield (base / str(number) for number in count())
    shutil.rmtree(base)


def numbers(said: list[str], word: str) -> set[int]:
    """What the program printed after that word."""
    return {int(line.split()[1]) for line in said if line.split()[0] == word}


def alarms_after_cuts(tmp_path: Path, places: Iterator[Path], *, presses: int, checkpoint: int) -> int:
    """Cut the power at every point of so many presses; how many different images were opened."""
    folder = tmp_path / "written"
    folder.mkdir()
    operations = record(ALARMS, folder, tmp_path / "trace", str(presses), str(checkpoint))
    assert numbers([one.data.decode() for one in operations if one.kind == "said"], "kept") == set(
        range(1, presses + 1)
    )
    opened_images = 0
    for number, said, image in images(operations):
        place = next(places)
        lay_out(image, place)
        check_alarms(place / "alarms.db", said, f"after operation {number} of {len(operations)}")
        shutil.rmtree(place)
        opened_images += 1
    return opened_images


def check_alarms(path: Path, said: list[str], where: str) -> None:
    """What was said to be kept is there, with its state and identity; no number is used twice."""
    kept, asked = numbers(said, "kept"), numbers(said, "acknowledging")
    lane = opened(path, "e2")
    assert lane.trouble is None, f"{where}: {lane.trouble}"
    found = {one.seq for one in lane.pending()}
    last = max(kept, default=0)
    assert kept - asked <= found, f"{where}: lost {sorted(kept - asked - found)}"
    assert found <= kept | {last + 1}, f"{where}: {sorted(found)} of {sorted(kept)}"
    assert not numbers(said, "acknowledged") & found, f"{where}: what was forgotten is back"
    newest = last + 1 if last + 1 in found else last
    assert lane.states() == ([state(str(newest))] if newest else []), where
    assert len(lane.seen()) == newest, where
    assert lane.write([press(1, "d1\n1")], [], START) == ([] if newest else lane.pending()), where
    (fresh,) = lane.write([press(99)], [], START)
    assert kept == set() or (fresh.epoch == "e1" and fresh.seq > last), where
    lane.close()


def test_no_alarm_is_lost_at_any_point(tmp_path: Path, places: Iterator[Path]) -> None:
    """Checkpoints come often, so that some of the cuts fall into them."""
    assert alarms_after_cuts(tmp_path, places, presses=9, checkpoint=8) > 300


@pytest.mark.soak
def test_no_alarm_is_lost_at_any_point_of_hundreds(tmp_path: Path, places: Iterator[Path]) -> None:
    assert alarms_after_cuts(tmp_path, places, presses=200, checkpoint=100) > 3_000


FRAMES = """
import os, sys
from pathlib import Path
from gateway.lanes.spill import SpillFile
from gateway.lanes.telemetry import Frame, SpillPlan

path = Path(sys.argv[1]) / "telemetry.db"

def frame(seq):
    return Frame(epoch=lane.epoch, seq=seq, made_ms=seq, readings=1, payload=b"x" * 1500)

file, lane = SpillFile.open(path, now_ms=0, new_epoch=lambda: "e1", quota_mb=1)
file._connection.execute("PRAGMA wal_autocheckpoint = 8")
for number in range(1, 9):
    ids = (("e1", number - 3),) if number % 2 == 0 and number > 3 else ()
    for _, gone in ids:
        os.write(1, f"acknowledging {gone}\\n".encode())
    report = file.apply(SpillPlan(store=(frame(number),), forget=ids))
    assert report.trouble is None
    os.write(1, f"kept {number}\\n".encode())
file.close()
"""


def test_no_frame_that_was_spilled_is_lost_at_any_point(tmp_path: Path, places: Iterator[Path]) -> None:
    folder = tmp_path / "written"
    folder.mkdir()
    for number, said, image in images(record(FRAMES, folder, tmp_path / "trace")):
        place = next(places)
        lay_out(image, place)
        file, lane = SpillFile.open(place / "telemetry.db", now_ms=0, new_epoch=lambda: "e2", quota_mb=1)
        kept = numbers(said, "kept")
        assert file.trouble is None, number
        rows = file._connection.execute("SELECT seq FROM frame WHERE epoch = 'e1'").fetchall()
        found = {seq for (seq,) in rows}
        assert kept - numbers(said, "acknowledging") <= found, number
        assert found <= kept | {max(kept, default=0) + 1}, number
        assert lane.epoch == "e2" or lane.next_seq > 9, number
        assert not kept or lane.epoch == "e1", number
        file.close()
        shutil.rmtree(place)


DOCUMENTS = """
import os, sys
from pathlib import Path
from gateway import wire
from gateway.store import DesiredStore

store = DesiredStore(Path(sys.argv[1]) / "desired.json")
for version in range(1, 5):
    store.write(wire.DesiredMessage(version=version, frame_ms=1000 + version))
    os.write(1, f"kept {version}\\n".encode())
"""


def test_the_desired_state_is_the_old_one_or_the_new_one_at_any_point(
    tmp_path: Path, places: Iterator[Path]
) -> None:
    folder = tmp_path / "written"
    folder.mkdir()
    for number, said, image in images(record(DOCUMENTS, folder, tmp_path / "trace")):
        place = next(places)
        lay_out(image, place)
        document = DesiredStore(place / "desired.json").read()
        last = max(numbers(said, "kept"), default=0)
        version = 0 if document is None else document.version
        assert version in (last, last + 1), number
        assert document is None or document.frame_ms == 1000 + version, json.dumps(said)
        shutil.rmtree(place)


def test_the_check_itself_finds_an_alarm_that_was_not_synced(
    tmp_path: Path, places: Iterator[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same program without synchronous commits: were the test blind, it would pass."""
    careless = ALARMS.replace(
        "for number", 'lane._connection.execute("PRAGMA synchronous = OFF")\nfor number', 1
    )
    monkeypatch.setattr(f"{__name__}.ALARMS", careless)
    with pytest.raises(AssertionError, match="lost"):
        alarms_after_cuts(tmp_path, places, presses=4, checkpoint=1000)
