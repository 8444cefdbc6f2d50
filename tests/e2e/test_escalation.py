"""Nobody answers: the next step is told after its time limit, also over a killed server."""

from typing import Any

import pytest

from tests.e2e.street import SOS_TOPIC, press, register_home
from tests.e2e.system import RealSystem, System, wait_for
from tests.e2e.test_timelines import open_tasks, publish

WHO = {"kind": "role", "value": "administrator"}


def told(system: System) -> list[str]:
    """What the timeline of the one task says of telling people."""
    (task,) = open_tasks(system)
    page: dict[str, Any] = system.api("GET", f"/tasks/{task['id']}")
    return [entry["action"] for entry in page["timeline"] if entry["action"] in ("told", "escalated")]


def write_playbook(system: System, *seconds: int) -> None:
    """A step for each number of seconds, all to the administrators."""
    steps = [{"who": WHO, "within_s": within} for within in seconds]
    system.api("PUT", "/playbooks/care/critical", {"steps": steps, "arrive_within_s": 600})


async def test_an_unanswered_press_escalates_until_somebody_accepts(system: System) -> None:
    await register_home(system)
    write_playbook(system, 1, 600, 600)
    await publish(system, SOS_TOPIC, press())
    await wait_for("the second step", lambda: open_tasks(system) and told(system) == ["told", "escalated"])
    (task,) = open_tasks(system)
    system.api("POST", f"/tasks/{task['id']}/acknowledge", None)
    page = system.api("GET", f"/tasks/{task['id']}")
    assert [(sent["channel"], sent["state"]) for sent in page["sends"]] == [("page", "sent")] * 2
    assert told(system) == ["told", "escalated"]


@pytest.mark.soak
async def test_a_killed_server_goes_on_with_the_step_that_is_due(real_system: RealSystem) -> None:
    await register_home(real_system)
    write_playbook(real_system, 4, 600)
    await publish(real_system, SOS_TOPIC, press())
    await wait_for("the first step", lambda: open_tasks(real_system) and told(real_system) == ["told"])
    real_system.kill("server")
    await real_system.start_server()
    await wait_for("the second step", lambda: told(real_system) == ["told", "escalated"])
