"""The demo as a new user starts it: alive at once, telling a story, gone when asked, there again with all."""

from pathlib import Path
from typing import Any

from tests.e2e.system import Api, start, stop, wait_for
from tests.parts.processes import free_port

STOP_S = 5
"""The demo's own promise for Ctrl-C."""


async def test_the_demo_lives_stops_and_remembers(tmp_path: Path) -> None:
    http, mqtt = free_port(), free_port()
    words = ["demo", "--http", str(http), "--mqtt", str(mqtt), "--data", str(tmp_path / "data")]
    log = tmp_path / "demo.log"
    token = tmp_path / "data" / "api-token"
    api = Api(f"http://127.0.0.1:{http}", "")

    async def begin() -> Any:
        process = start(words, log=log)
        await wait_for("the demo's token", token.exists)
        api.token = token.read_text().strip()
        return process

    def families() -> set[str]:
        found = {position[0] for position in api("GET", "/readings/latest")}
        return found & {"h", "w", "k"}

    def rules() -> set[str]:
        return {task["rule"] for task in api("GET", "/tasks?state=all")}

    process = await begin()
    try:
        await wait_for("live data from homes, wells and kiosks", lambda: families() == {"h", "w", "k"})
        await wait_for("the story's first two events", lambda: {"fall", "sos"} <= rules(), seconds=60)
        before = {task["id"] for task in api("GET", "/tasks?state=all")}
    finally:
        process.send_signal(2)
        assert process.wait(STOP_S) == 0
    process = await begin()
    try:
        after = await wait_for("the tasks of before", lambda: api("GET", "/tasks?state=all"))
        assert before <= {task["id"] for task in after}
        assert len(api("GET", "/devices")) >= 30 * 2 + 12 * 3 + 2
    finally:
        assert stop(process) == 0
    assert "Traceback" not in log.read_text()
