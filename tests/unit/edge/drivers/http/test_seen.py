"""What was taken is known, by device, and outlives the process."""

from pathlib import Path

from edge.drivers.http.seen import Seen


def test_known_by_device_and_name(tmp_path: Path) -> None:
    seen = Seen(tmp_path / "deep" / "seen")
    assert not seen.knows("kiosk", "7@8:15")
    seen.add("kiosk", "7@8:15")
    assert seen.knows("kiosk", "7@8:15")
    assert not seen.knows("other", "7@8:15")
    assert not seen.knows("kiosk", "8@8:15")
    # No close: a killed process has none either.
    assert Seen(tmp_path / "deep" / "seen").knows("kiosk", "7@8:15")


def test_a_file_of_another_size_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "seen").write_bytes(b"x" * 17)
    seen = Seen(tmp_path / "seen")
    seen.add("kiosk", "a")
    assert seen.knows("kiosk", "a")


def test_most_of_a_day_is_remembered() -> None:
    seen = Seen()
    for number in range(1_000):
        seen.add("kiosk", str(number))
    known = sum(seen.knows("kiosk", str(number)) for number in range(1_000))
    assert known > 940
