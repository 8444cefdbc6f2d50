"""What the machine tells of its flash memory, and what its time service says."""

import sys
from pathlib import Path

from gateway.health.machine import measure, wear
from gateway.health.timesync import ClockOffset


def memory(folder: Path, name: str, life_time: str) -> None:
    (folder / name / "device").mkdir(parents=True)
    (folder / name / "device" / "life_time").write_text(life_time)


def test_the_most_worn_memory_counts_and_a_plain_card_says_nothing(tmp_path: Path) -> None:
    assert wear(tmp_path) is None
    (tmp_path / "mmcblk0" / "device").mkdir(parents=True)
    assert wear(tmp_path) is None
    memory(tmp_path, "mmcblk1", "0x03 0x01\n")
    memory(tmp_path, "mmcblk1boot0", "0x0b 0x0b\n")  # the same memory's boot part
    assert wear(tmp_path) == 30.0


def test_this_machine_can_be_measured(tmp_path: Path) -> None:
    found = measure(tmp_path)
    assert found.memory_mb is not None
    assert found.memory_mb > 1
    assert found.disk_free_percent is not None
    assert 0 <= found.disk_free_percent <= 100


async def test_the_first_time_service_that_knows_is_believed() -> None:
    def number(text: str) -> float | None:
        return float(text) if text else None

    asked = ClockOffset(
        [
            (("no-such-program-here",), number),
            ((sys.executable, "-c", "import sys; print(5); sys.exit(1)"), number),
            ((sys.executable, "-c", "import os; print(os.environ['LC_ALL'] == 'C' and 2.5)"), number),
        ]
    )
    await asked.ask()
    assert asked.ms == 2.5


async def test_where_nobody_knows_there_is_no_number() -> None:
    asked = ClockOffset([(("no-such-program-here",), lambda text: float(text) if text else None)])
    asked.ms = 3.0
    await asked.ask()
    assert asked.ms is None
