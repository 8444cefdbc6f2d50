"""A gateway runs with nothing but its own dependencies: an environment of its own that has the libraries of
the base installation and no other, up to the first reading."""

import asyncio
import os
import signal
import subprocess
import sys
import tomllib
import venv
from collections.abc import AsyncIterator, Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.contract.gateway_parts import WAIT_S, FakeServer, desired, fake_server
from tests.contract.test_gateway import NAME
from tests.parts.mosquitto import Mosquitto
from tests.parts.processes import REPOSITORY

OURS = ("sunwell", "gateway", "edge", "firmware_profiles")
"""What of this repository a gateway imports: not the server, which is therefore not even there."""
SERVERS = ("fastapi", "sqlalchemy", "alembic", "jinja2", "influxdb_client", "psycopg", "prometheus_client")


def closure(requirements: Iterable[str]) -> dict[str, Distribution]:
    """By name: every distribution that these requirements bring along."""
    found: dict[str, Distribution] = {}
    todo = [Requirement(text) for text in requirements]
    seen = set()
    while todo:
        wanted = todo.pop()
        key = (canonicalize_name(wanted.name), frozenset(wanted.extras))
        if key in seen:
            continue
        seen.add(key)
        found[key[0]] = installed = distribution(wanted.name)
        environments = [{"extra": extra} for extra in ("", *wanted.extras)]
        todo += [
            requirement
            for requirement in map(Requirement, installed.requires or ())
            if requirement.marker is None or any(map(requirement.marker.evaluate, environments))
        ]
    return found


def link(installed: Distribution, target: Path) -> None:
    """Let the other environment have it too."""
    for file in installed.files or ():
        top = file.parts[0]
        if top not in ("..", "__pycache__") and not (target / top).exists():
            (target / top).symlink_to(Path(str(installed.locate_file(top))))


@pytest.fixture(scope="module")
def minimal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the base installation only."""
    folder = tmp_path_factory.mktemp("minimal")
    venv.create(folder, with_pip=False, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = folder / "lib" / version / "site-packages"
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    for installed in closure(project["dependencies"]).values():
        link(installed, packages)
    for name in OURS:
        (packages / name).symlink_to(REPOSITORY / name)
    about = packages / "sunwell-0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: sunwell\nVersion: 0.0.7\n")
    return folder / "bin" / "python"


def run(python: Path, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(python), "-I", "-c", code], capture_output=True, text=True, check=False, cwd="/"
    )


@pytest.mark.parametrize("name", [*SERVERS, "server", "gpiozero", "pytest"])
def test_what_is_not_a_gateways_is_not_there(minimal: Path, name: str) -> None:
    found = run(minimal, f"import {name}")
    assert found.returncode == 1
    assert f"No module named '{name}'" in found.stderr


def test_every_module_of_a_gateway_can_be_imported(minimal: Path) -> None:
    modules = [
        path.relative_to(REPOSITORY).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        for part in ("gateway", "edge", "firmware_profiles")
        for path in sorted((REPOSITORY / part).rglob("*.py"))
        if path.stem != "__main__"
    ]
    assert len(modules) > 50
    found = run(minimal, f"import importlib\nfor name in {modules!r}: importlib.import_module(name)")
    assert found.returncode == 0, found.stderr


def test_the_servers_command_says_what_is_missing(minimal: Path) -> None:
    found = run(
        minimal, "import sys; sys.argv = ['sunwell', 'server']; import sunwell.__main__ as m; m.main()"
    )
    assert found.returncode != 0
    assert "No module named 'server'" in found.stderr  # the package itself is not there


@pytest.fixture
async def server(mosquitto: Mosquitto) -> AsyncIterator[FakeServer]:
    async with fake_server(mosquitto, NAME) as found:
        yield found


async def test_it_runs_to_its_first_reading_and_alarm(
    minimal: Path, mosquitto: Mosquitto, server: FakeServer, tmp_path: Path
) -> None:
    prefix = "SUNWELL_GATEWAY_"
    broker = {"HOST": mosquitto.host, "PORT": str(mosquitto.port)}
    variables = {"NAME": NAME, "DATA": str(tmp_path / "data"), "IDENTITY": str(tmp_path / "identity")}
    for part, user in (("UPLINK", NAME), ("DEVICES", "edge")):
        of_part = broker | {"USER": user, "PASSWORD_FILE": str(mosquitto.password_file(user))}
        variables |= {f"{part}__{name}": value for name, value in of_part.items()}
    environment = {"PATH": os.environ["PATH"]} | {prefix + name: text for name, text in variables.items()}
    argv = [str(minimal), "-I", "-m", "sunwell", "gateway"]
    process = await asyncio.to_thread(subprocess.Popen, argv, cwd=tmp_path, env=environment)
    try:
        state = await server.take("up/state", lambda state: state.online)
        assert state.software == "0.0.7"
        await server.send("down/desired", desired(1, "b1"), retain=True)
        await server.take("up/state", lambda state: state.applied == 1)
        async with asyncio.timeout(WAIT_S):
            while not [channel for channel, _ in server.received if channel == "up/alarm"]:
                await server.press("b1")  # until its connection to the devices' broker stands
                await asyncio.sleep(0.1)
        await server.acknowledge(await server.take("up/alarm"))
        frame = await server.take("up/data")
        assert [reading.v["action"] for reading in frame.readings][:1] == ["emergency"]
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, WAIT_S) == 0
    finally:
        process.kill()
        process.wait(5)
