"""The authority's files: private, made once, and never another one by accident."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from server.enrolment.keys import open_keys

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def test_they_are_made_once_and_private(tmp_path: Path) -> None:
    folder = tmp_path / "authority"
    first, again = open_keys(folder, now=NOW), open_keys(folder, now=NOW)
    assert first.authority.der == again.authority.der
    assert first.password("gw-1", 1) == again.password("gw-1", 1)
    assert folder.stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o077 == 0 for file in folder.iterdir())
    assert [path.name for path in tmp_path.iterdir()] == ["authority"]


def test_servers_that_start_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: open_keys(tmp_path / "authority", now=NOW), range(8)))
    assert len({keys.authority.der for keys in made}) == 1
    assert len({keys.secret for keys in made}) == 1


def test_a_missing_file_is_said_and_not_replaced(tmp_path: Path) -> None:
    open_keys(tmp_path / "authority", now=NOW)
    (tmp_path / "authority" / "authority.key").unlink()
    with pytest.raises(OSError, match=r"authority\.key"):
        open_keys(tmp_path / "authority", now=NOW)


def test_passwords_differ_by_gateway_and_enrolment_and_secrets_are_not_shown(tmp_path: Path) -> None:
    keys = open_keys(tmp_path / "authority", now=NOW)
    assert len({keys.password(name, n) for name in ("gw-1", "gw-11") for n in (1, 11)}) == 4
    assert repr(keys.secret) not in repr(keys)
