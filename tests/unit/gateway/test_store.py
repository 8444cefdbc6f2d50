"""The last good document survives, whole."""

from pathlib import Path

import pytest

from gateway import wire
from gateway.store import DesiredStore


def test_none_before_the_first(tmp_path: Path) -> None:
    assert DesiredStore(tmp_path / "desired.json").read() is None


def test_what_was_written_is_read_back_and_replaced(tmp_path: Path) -> None:
    store = DesiredStore(tmp_path / "desired.json")
    for number in (1, 2):
        store.write(wire.DesiredMessage(version=number))
        assert store.read() == wire.DesiredMessage(version=number)
    assert [file.name for file in tmp_path.iterdir()] == ["desired.json"]


def test_a_write_that_was_cut_leaves_the_old_one(tmp_path: Path) -> None:
    store = DesiredStore(tmp_path / "desired.json")
    store.write(wire.DesiredMessage(version=1))
    (tmp_path / "desired.new").write_bytes(b'{"v":1,"ver')
    assert store.read() == wire.DesiredMessage(version=1)


def test_a_damaged_one_is_said(tmp_path: Path) -> None:
    (tmp_path / "desired.json").write_bytes(b"{")
    with pytest.raises(wire.WireError):
        DesiredStore(tmp_path / "desired.json").read()
