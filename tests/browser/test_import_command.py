"""`sunwell import` against a server that listens."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from server.clock import now
from server.db.models import Position
from server.users import service, sessions
from tests.browser.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")  # where the site runs


async def test_it_checks_tells_everything_and_writes(street: Site, tmp_path: Path) -> None:
    token, file = tmp_path / "token", tmp_path / "positions.csv"
    with street.context.database.write() as session:
        user = service.by_login(session, "installer")
        assert user is not None
        token.write_text(sessions.new_token(session, user, name="test", expires_at=None, now=now()))

    async def run(*words: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "sunwell", "import", str(file), "--url", street.url, *words]
        done = await asyncio.to_thread(
            subprocess.run,
            [*command, "--token-file", str(token)],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    file.write_text("id,area_id,name\nnew-1,nowhere,bed\nnew 2,grid-1,bed\n")
    status, said = await run("--apply")
    assert status == 1
    assert "2 mistakes, nothing was written" in said
    file.write_text("id,area_id,name\nnew-1,grid-1,bed\n")
    assert await run() == (0, f"{file}: 1 rows can be written: add --apply\n")
    assert await run("--apply") == (0, f"{file}: 1 rows written\n")
    with street.context.database.read() as session:
        assert session.get(Position, "new-1") is not None
