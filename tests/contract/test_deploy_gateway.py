"""The files in deploy/gateway: the script installs, updates and changes nothing twice; units are hardened;
the broker beside a gateway keeps its users apart."""

import asyncio
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import pytest
import yaml

from gateway.settings import GatewaySettings
from tests.contract.test_deploy import env_file
from tests.parts.mosquitto import plugin_path
from tests.parts.presence import program_or_skip
from tests.parts.processes import (
    DEPLOY,
    REPOSITORY,
    Process,
    free_port,
    listens,
    ordinary_user,
    private_folder,
)

GATEWAY = DEPLOY / "gateway"
UNITS = sorted([*GATEWAY.glob("systemd/*.service"), *GATEWAY.glob("zigbee2mqtt/*.service")])
MOST_EXPOSED = 2.0
"""What systemd-analyze calls OK; its scale ends at 10."""
INSTALLED = {
    "etc/sunwell/gateway.env": 0o640,
    "etc/sunwell/mosquitto.conf": 0o644,
    "etc/sunwell/secrets/broker_bridge": 0o600,
    "etc/sunwell/secrets/broker_devices": 0o600,
    "etc/sunwell/secrets/broker_edge": 0o600,
    "etc/systemd/journald.conf.d/sunwell.conf": 0o644,
    "etc/systemd/system/sunwell-broker.service": 0o644,
    "etc/systemd/system/sunwell-gateway.service": 0o644,
    "etc/systemd/system/zigbee2mqtt.service": 0o644,
    "usr/local/bin/sunwell-gateway": 0o755,
    "var/lib/sunwell-broker/dynamic-security.json": 0o600,
    "var/lib/zigbee2mqtt/configuration.yaml": 0o600,
    "var/lib/zigbee2mqtt/secret.yaml": 0o600,
}


def wheel(folder: Path, version: str, *, works: bool = True) -> None:
    """A package named sunwell of this version, which does nothing but start: pip is what is tried here."""
    info = f"sunwell-{version}.dist-info"
    files = {
        "sunwell_stub.py": f"import sys\ndef main() -> None:\n    sys.exit({0 if works else 1})\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: sunwell\nVersion: {version}\n"
        "Provides-Extra: gpio\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nsunwell = sunwell_stub:main\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"sunwell-{version}-py3-none-any.whl", "w") as archive:
        for name, text in (files | {f"{info}/RECORD": record}).items():
            archive.writestr(name, text)


class Machine:
    """A Raspberry Pi's files under a folder, and a copy of what the script needs."""

    def __init__(self, folder: Path, *, like: "Machine | None" = None) -> None:
        self.root = folder / "root"
        self.checkout = folder / "checkout"
        self.wheels = folder / "wheels"
        if like is not None:
            for name in ("root", "checkout", "wheels"):
                shutil.copytree(getattr(like, name), folder / name, symlinks=True)
            return
        self.wheels.mkdir()
        shutil.copytree(GATEWAY, self.checkout / "deploy" / "gateway")
        for name in ("scripts/broker-users", "deploy/mosquitto/roles.json"):
            target = self.checkout / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, target)
        self.offer("1.0.0")

    def offer(self, version: str, *, works: bool = True) -> None:
        """Let the checkout be this version, with its wheel."""
        (self.checkout / "pyproject.toml").write_text(f'[project]\nversion = "{version}"\n')
        wheel(self.wheels, version, works=works)

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        script = self.checkout / "deploy" / "gateway" / "install.sh"
        command = [str(script), "--root", str(self.root), "--wheels", str(self.wheels)]
        command += ["--python", sys.executable, *options]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def files(self) -> dict[str, bytes]:
        """All files but the program's."""
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file() and "opt" not in path.relative_to(self.root).parts
        }

    def current(self) -> str:
        """The release in use."""
        return str((self.root / "opt/sunwell/current").readlink())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture(scope="module")
def first_installed(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine with release 1.0.0, to be copied: each release is a virtual environment, made in seconds."""
    program_or_skip("mosquitto", package="mosquitto")
    machine = Machine(tmp_path_factory.mktemp("installed"))
    run = machine.run()
    assert run.returncode == 0, run.stderr
    return machine


@pytest.fixture
def installed(first_installed: Machine, tmp_path: Path) -> Machine:
    """One of this test's own."""
    return Machine(tmp_path, like=first_installed)


def test_a_dry_run_says_all_and_does_nothing(machine: Machine) -> None:
    run = machine.run("--dry-run", "--with-zigbee2mqtt")
    assert run.returncode == 0, run.stderr
    assert "would make release 1.0.0" in run.stdout
    assert all(line.startswith("would ") for line in run.stdout.splitlines())
    assert not machine.root.exists()


def test_it_installs_once_and_updates_without_touching_settings_or_data(machine: Machine) -> None:
    program_or_skip("mosquitto", package="mosquitto")
    run = machine.run("--with-zigbee2mqtt")
    assert run.returncode == 0, run.stderr
    modes = {name: (machine.root / name).stat().st_mode & 0o777 for name in machine.files()}
    assert modes == INSTALLED
    assert (machine.root / "var/lib/sunwell").stat().st_mode & 0o777 == 0o700
    assert machine.current() == "releases/1.0.0"
    said = yaml.safe_load((machine.root / "var/lib/zigbee2mqtt/secret.yaml").read_text())
    assert said == {"password": (machine.root / "etc/sunwell/secrets/broker_bridge").read_text().strip()}
    before = machine.files()
    assert machine.run("--with-zigbee2mqtt").stdout == "nothing to do\n"
    assert machine.files() == before

    settings = machine.root / "etc/sunwell/gateway.env"
    settings.write_text("SUNWELL_GATEWAY_OUTPUTS__SIREN__PIN=17\n")
    lane = machine.root / "var/lib/sunwell/gateway/alarms.db"
    lane.parent.mkdir()
    lane.write_text("an alarm")
    machine.offer("1.1.0")
    run = machine.run()
    assert run.stdout.splitlines() == ["make release 1.1.0", "switch to release 1.1.0"]
    assert machine.current() == "releases/1.1.0"
    assert settings.read_text() == "SUNWELL_GATEWAY_OUTPUTS__SIREN__PIN=17\n"
    assert lane.read_text() == "an alarm"


def test_a_release_that_does_not_start_or_was_cut_off_is_never_in_use(installed: Machine) -> None:
    machine = installed
    assert machine.current() == "releases/1.0.0"
    machine.offer("2.0.0", works=False)
    run = machine.run()
    assert run.returncode != 0
    assert "release 2.0.0 does not start; the one before stays in use" in run.stderr
    assert machine.current() == "releases/1.0.0"
    machine.offer("2.0.0")  # what lies there is not whole: it is made anew
    assert machine.run().returncode == 0
    assert machine.current() == "releases/2.0.0"


def test_what_it_does_not_know_is_refused(machine: Machine) -> None:
    run = machine.run("--everything")
    assert run.returncode == 1
    assert "unknown option --everything" in run.stderr
    assert not machine.root.exists()


@pytest.mark.parametrize(
    "script",
    [GATEWAY / "install.sh", GATEWAY / "sunwell-gateway", *sorted(DEPLOY.glob("*/init/*.sh"))],
    ids=str,
)
def test_scripts_pass_shellcheck(script: Path) -> None:
    program = str(Path(sys.executable).parent / "shellcheck")  # of the dev extra
    run = subprocess.run([program, str(script)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_are_hardened_and_run_nothing_as_root(unit: Path) -> None:
    program = program_or_skip("systemd-analyze", package="systemd")
    command = [program, "security", "--offline=true", "--no-pager", str(unit)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    exposure = re.search(r"exposure level for .*: ([0-9.]+)", run.stdout)
    assert exposure is not None, run.stdout + run.stderr
    assert float(exposure[1]) <= MOST_EXPOSED
    text = unit.read_text()
    assert re.search(r"^User=(sunwell|mosquitto|zigbee2mqtt)$", text, re.MULTILINE)
    for line in ("Restart=always", "StartLimitIntervalSec=0", "ProtectSystem=strict", "NoNewPrivileges=yes"):
        assert f"\n{line}\n" in text


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_understands_every_line(unit: Path, tmp_path: Path) -> None:
    program = program_or_skip("systemd-analyze", package="systemd")
    text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE)
    text = re.sub(r"^(After|Wants|Conflicts)=.*\n", "", text, flags=re.MULTILINE)
    copy = tmp_path / unit.name
    copy.write_text(text)
    run = subprocess.run(
        [program, "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False
    )
    assert [line for line in run.stderr.splitlines() if unit.name in line] == []


def test_the_gateways_unit_is_watched_and_finds_what_the_script_installs() -> None:
    text = (GATEWAY / "systemd" / "sunwell-gateway.service").read_text()
    script = (GATEWAY / "install.sh").read_text()
    assert "\nType=notify\n" in text
    assert "\nWatchdogSec=60\n" in text
    for place in (
        "/opt/sunwell/current",
        "/etc/sunwell/gateway.env",
        "/etc/sunwell/secrets",
        "/var/lib/sunwell",
    ):
        assert place in text
        assert place in script
    command = (GATEWAY / "sunwell-gateway").read_text()
    for variable in re.findall(r"^Environment=(SUNWELL_GATEWAY_.*)$", text, re.MULTILINE):
        assert f"--setenv={variable} " in command


def test_the_gateway_reads_its_example_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (GATEWAY / "gateway.env.example").read_text().splitlines()
    example = dict(line.lstrip("# ").split("=", 1) for line in lines if "SUNWELL_GATEWAY_" in line)
    assert len(example) > len(env_file("gateway")) / 2
    for name, value in example.items():
        monkeypatch.setenv(name, value)
    settings = GatewaySettings.read()
    assert settings.devices.password_file is not None
    assert settings.devices.password_file.name == "secrets_broker_edge"
    assert settings.outputs.siren is not None
    assert settings.outputs.voice is not None
    assert settings.outputs.voice.command[0] == "aplay"


def test_zigbee2mqtt_speaks_where_the_gateway_listens() -> None:
    said = yaml.safe_load((GATEWAY / "zigbee2mqtt" / "configuration.yaml").read_text())
    example = (GATEWAY / "gateway.env.example").read_text()
    broker = (GATEWAY / "mosquitto" / "mosquitto.conf").read_text()
    assert f'ZIGBEE2MQTT=["{said["mqtt"]["base_topic"]}"]' in example
    assert said["mqtt"]["server"] == "mqtt://127.0.0.1:1883"
    assert "listener 1883 127.0.0.1" in broker
    assert (said["mqtt"]["user"], said["mqtt"]["password"]) == ("bridge", "!secret.yaml password")
    assert said["advanced"]["last_seen"] != "disable"  # what tells old values from new ones


@pytest.fixture
def broker(installed: Machine) -> Iterator[tuple[int, dict[str, str]]]:
    """The real Mosquitto with the configuration, users and rights that the script installs."""
    program = program_or_skip("mosquitto", package="mosquitto")
    machine = installed
    account = ordinary_user("mosquitto")
    port = free_port()
    with private_folder("broker", account) as folder:
        text = (machine.root / "etc/sunwell/mosquitto.conf").read_text()
        assert f"plugin {plugin_path()}\n" in text
        for there, here in {
            "listener 1883 127.0.0.1": f"listener {port} 127.0.0.1",
            "/var/lib/sunwell-broker": str(folder),
            "/run/sunwell-broker": str(folder),
        }.items():
            assert there in text
            text = text.replace(there, here)
        configuration = folder / "mosquitto.conf"
        configuration.write_text(text)
        users = folder / "dynamic-security.json"
        users.write_bytes((machine.root / "var/lib/sunwell-broker/dynamic-security.json").read_bytes())
        if account is not None:
            shutil.chown(users, account)
        process = Process(
            "broker",
            [program, "-c", str(configuration)],
            folder=folder,
            answers=lambda: listens(port),
            user=account,
        )
        process.start()
        secrets = machine.root / "etc/sunwell/secrets"
        yield (
            port,
            {path.name.removeprefix("broker_"): path.read_text().strip() for path in secrets.iterdir()},
        )
        process.stop()


def client(broker: tuple[int, dict[str, str]], user: str) -> aiomqtt.Client:
    port, passwords = broker
    return aiomqtt.Client("127.0.0.1", port, username=user, password=passwords[user], timeout=5)


async def test_the_broker_beside_a_gateway_keeps_its_users_apart(broker: tuple[int, dict[str, str]]) -> None:
    with pytest.raises(aiomqtt.MqttError):
        async with aiomqtt.Client("127.0.0.1", broker[0], timeout=5):
            pass
    async with (
        client(broker, "edge") as edge,
        client(broker, "bridge") as bridge,
        client(broker, "devices") as own,
    ):
        await edge.subscribe("zigbee2mqtt/#", qos=1)
        await edge.subscribe("devices/#", qos=1)
        await bridge.publish("zigbee2mqtt/button", b"pressed", qos=1)
        await own.publish("devices/well", b"open", qos=1)
        heard = []
        async with asyncio.timeout(10):
            async for message in edge.messages:
                heard.append((str(message.topic), message.payload))
                if len(heard) == 2:
                    break
        assert heard == [("zigbee2mqtt/button", b"pressed"), ("devices/well", b"open")]
        await bridge.subscribe("devices/#", qos=1)
        await own.publish("devices/well", b"again", qos=1)
        await edge.publish("zigbee2mqtt/button/set", b"{}", qos=1)
        await bridge.subscribe("zigbee2mqtt/#", qos=1)
        await bridge.publish("zigbee2mqtt/last", b"", qos=1)
        async with asyncio.timeout(10):
            async for message in bridge.messages:
                assert not str(message.topic).startswith("devices/")
                if str(message.topic) == "zigbee2mqtt/last":
                    break
