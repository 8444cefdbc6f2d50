"""A gateway fresh from its box enrols through its own page, and a press behind it becomes a task."""

import os
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.street import press, register_home, wait_applied
from tests.e2e.system import RealSystem, stop, wait_for
from tests.e2e.test_timelines import open_tasks
from tests.parts.authority import authority_in, broker_files
from tests.parts.influx import Bucket
from tests.parts.mosquitto import Mosquitto, running_mosquitto
from tests.parts.presence import part_or_skip
from tests.parts.processes import free_port

GATEWAY = "gw-fresh"


@pytest.fixture
def tls_broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """The server's broker, with its TLS listener and without any gateway's user."""
    files = broker_files(tmp_path, authority_in(tmp_path).authority)
    with part_or_skip(lambda: running_mosquitto(["server"], tls=files)) as part:
        yield part


@dataclass
class EnrollingSystem(RealSystem):
    """Whose gateway is told nothing but where its sensors speak and where its folders are."""

    enrol_port: int = field(default_factory=free_port)
    page_port: int = field(default_factory=free_port)

    @property
    def server_environment(self) -> dict[str, str]:
        """The server's settings."""
        return {
            **super().server_environment,
            "SUNWELL_SERVER_CA": str(self.folder / "authority"),
            "SUNWELL_SERVER_ENROL_HOST": "127.0.0.1",
            "SUNWELL_SERVER_ENROL_PORT": str(self.enrol_port),
            "SUNWELL_SERVER_ENROL_ADDRESS": f"127.0.0.1:{self.enrol_port}",
            "SUNWELL_SERVER_GATEWAY_BROKER": f"127.0.0.1:{self.mosquitto.tls_port}",
        }

    @property
    def gateway_environment(self) -> dict[str, str]:
        """The gateway's settings."""
        return {
            "SUNWELL_GATEWAY_DATA": str(self.folder / "gateway"),
            "SUNWELL_GATEWAY_IDENTITY": str(self.folder / "identity"),
            "SUNWELL_GATEWAY_PAGE__HOST": "127.0.0.1",
            "SUNWELL_GATEWAY_PAGE__PORT": str(self.page_port),
            "SUNWELL_GATEWAY_DEVICES__PORT": str(self.device_broker.port),
            "SUNWELL_GATEWAY_DEVICES__USER": "edge",
            "SUNWELL_GATEWAY_DEVICES__PASSWORD_FILE": str(self.device_broker.password_file("edge")),
        }

    def show_page(self) -> str:
        """The gateway's own page."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.page_port}/", timeout=5) as answer:
            return str(answer.read().decode())

    def send_code(self, code: str) -> str:
        """What the page answers to a code."""
        address = f"http://127.0.0.1:{self.page_port}"
        form = urllib.parse.urlencode({"code": code}).encode()
        request = urllib.request.Request(f"{address}/enrol", data=form, headers={"origin": address})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return str(answer.read().decode())

    def command(self, *words: str) -> str:
        """A command on the gateway's own machine."""
        run = subprocess.run(
            [sys.executable, "-m", "sunwell", *words],
            env={**os.environ, **self.gateway_environment, **self.server_environment},
            capture_output=True,
            text=True,
            check=True,
        )
        return run.stdout


@pytest.mark.real
async def test_from_the_box_to_a_task(
    tls_broker: Mosquitto, device_broker: Mosquitto, pg_url: str, influx_bucket: Bucket, tmp_path: Path
) -> None:
    system = EnrollingSystem(tmp_path, tls_broker, device_broker, pg_url, influx_bucket, gateway=GATEWAY)
    try:
        await system.start_server()
        system.api("PUT", "/areas/area-1", {"kind": "grid", "name": "第一网格"})
        system.api("PUT", f"/gateways/{GATEWAY}", {"area_id": "area-1", "name": "新网关"})
        system.start_gateway()
        assert "SW1" not in await wait_for("the gateway's page", system.show_page)
        made = system.api("POST", f"/gateways/{GATEWAY}/codes")
        assert made["offered"] is True
        assert GATEWAY in system.send_code(made["page"])
        await wait_for("the gateway is on the page", lambda: online(system))
        await register_home(system, areas=False)
        assert await pressed(system) == 1

        # The same Raspberry Pi after a factory reset, with a code from the command line.
        stop(system.processes.pop("gateway"))
        for folder in ("identity", "gateway"):
            (tmp_path / folder).rename(tmp_path / f"old-{folder}")
        code = system.command("gateway-code", GATEWAY, "--no-qr").strip()
        assert GATEWAY in system.command("gateway", "enrol", code)
        system.start_gateway()
        await wait_applied(system)
        assert await pressed(system) == 2
    finally:
        system.close()


def online(system: EnrollingSystem) -> bool:
    """What the server says of it."""
    (gateway,) = system.api("GET", "/gateways")
    return bool(gateway["online"])


def presses(system: EnrollingSystem) -> list[dict[str, Any]]:
    """What the record holds of them."""
    return [
        occurrence
        for alarm in system.api("GET", "/alarms?state=all&limit=500")
        if alarm["rule"] == "sos"
        for occurrence in system.api("GET", f"/alarms/{alarm['id']}/occurrences")
    ]


def calls_for_help(system: EnrollingSystem) -> list[dict[str, Any]]:
    """The open tasks that a press made; a gateway that was away makes others."""
    return [task for task in open_tasks(system) if (task["kind"], task["rule"]) == ("care", "sos")]


async def pressed(system: EnrollingSystem) -> int:
    """Press the button; the number of presses so far, once there is one more, all in one open task."""
    before = len(presses(system))
    async with system.device_client() as client:
        await client.publish("zigbee2mqtt/sos-1", press(), qos=1)
    await wait_for("the press", lambda: len(presses(system)) > before)
    (task,) = await wait_for("its task", lambda: calls_for_help(system))
    assert task["subject"]["name"] == "王秀英"
    return len(presses(system))
