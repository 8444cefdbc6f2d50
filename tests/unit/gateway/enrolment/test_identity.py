"""The gateway's files: private, whole at any moment, and the last good one stays."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.enrolment.identity import CURRENT, IdentityStore
from gateway.enrolment.wire import Credential


def credential(number: int) -> Credential:
    return Credential(
        gateway="gw-1",
        certificate=f"certificate {number}",
        authority="authority",
        broker_host="broker.example.org",
        broker_port=8883,
        password=f"password {number}",
    )


def test_there_is_nobody_before_the_first_credential(tmp_path: Path) -> None:
    assert IdentityStore(tmp_path / "none").read() is None


def test_a_credential_is_read_back_and_private(tmp_path: Path) -> None:
    store = IdentityStore(tmp_path / "identity")
    kept = store.keep(credential(1), b"key", server="s:1")
    assert store.read() == kept
    assert kept.broker.password() == "password 1"
    assert (kept.broker.user, kept.broker.host, kept.broker.port) == ("gw-1", "broker.example.org", 8883)
    files = [path for path in store.folder.rglob("*") if not path.is_symlink()]
    assert len(files) == 6
    assert all(path.stat().st_mode & 0o077 == 0 for path in [store.folder, *files])


def test_a_newer_one_takes_its_place_and_nothing_of_the_old_stays(tmp_path: Path) -> None:
    store = IdentityStore(tmp_path)
    store.keep(credential(1), b"key", server="s:1")
    newer = store.keep(credential(2), b"key 2", server="s:1")
    assert store.read() == newer
    assert [path.name for path in tmp_path.glob("c-*")] == [newer.folder.name]


class CutError(Exception):
    """The power is gone."""


def cutting(real: Callable[..., Any], steps: Iterator[int], cut: int) -> Callable[..., Any]:
    """The same function, until the step at which the power goes."""

    def step(*arguments: Any, **named: Any) -> Any:
        if next(steps) == cut:
            raise CutError
        return real(*arguments, **named)

    return step


def test_a_power_cut_at_any_point_leaves_one_of_the_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken off before each single step on the disk."""
    for cut in range(1, 40):
        store = IdentityStore(tmp_path / str(cut))
        old = store.keep(credential(1), b"key", server="s:1")
        before = old.broker.password()
        steps = iter(range(1, 1000))

        with monkeypatch.context() as patched:
            for name in ("open", "fsync", "mkdir", "symlink", "replace", "unlink"):
                patched.setattr(os, name, cutting(getattr(os, name), steps, cut))
            try:
                store.keep(credential(2), b"key 2", server="s:1")
                whole = True
            except CutError:
                whole = False
        found = store.read()
        assert found is not None
        password = found.broker.password()
        assert password in (before, "password 2")
        assert found.key == (b"key" if password == before else b"key 2")
        if whole:
            assert password == "password 2"
            return
    pytest.fail("it never came to its end")


def test_a_key_waits_for_its_certificate(tmp_path: Path) -> None:
    store = IdentityStore(tmp_path / "identity")
    assert store.pending_key(b"first") == b"first"
    assert store.pending_key(b"second") == b"first"
    store.keep(credential(1), b"first", server="s:1")
    assert store.pending_key(b"third") == b"third"


def test_a_damaged_link_is_no_identity(tmp_path: Path) -> None:
    (tmp_path / CURRENT).symlink_to("c-gone")
    with pytest.raises(OSError, match="c-gone"):
        IdentityStore(tmp_path).read()
