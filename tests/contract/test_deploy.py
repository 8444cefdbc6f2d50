"""The files in deploy/ and docker-compose.yml agree with one another, the programs and the settings."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from gateway.settings import Broker, GatewaySettings
from server.settings import ServerSettings
from tests.parts.postgres import USER, Postgres
from tests.parts.presence import program_or_skip
from tests.parts.processes import DEPLOY, REPOSITORY

ALWAYS = {"mosquitto", "postgres", "influxdb", "grafana", "server"}
SIMULATED = {"gateway", "simulators"}


def env_file(name: str) -> dict[str, str]:
    """The settings in deploy/env/NAME.env.example."""
    lines = (DEPLOY / "env" / f"{name}.env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """docker-compose.yml as Debian's docker-compose understands it, with all profiles."""
    program = program_or_skip("docker-compose", package="docker-compose")
    command = [program, "--profile", "simulators", "config"]
    run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    document: dict[str, Any] = yaml.safe_load(run.stdout)
    return document


def test_compose_has_the_parts_and_the_simulators_only_on_demand(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == ALWAYS | SIMULATED
    assert {name for name, service in services.items() if service.get("profiles")} == SIMULATED


@pytest.mark.parametrize("name", sorted(ALWAYS | SIMULATED))
def test_every_container_is_confined(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["read_only"] is True
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["cap_drop"] == ["ALL"]
    assert int(service["user"].split(":")[0]) > 0
    assert "healthcheck" in service or name in SIMULATED


def test_whether_the_server_is_well_is_whether_somebody_would_be_told(compose: dict[str, Any]) -> None:
    """Being there is not enough: the auditor's beat is part of it, for the container and for systemd."""
    assert "/readyz" in " ".join(compose["services"]["server"]["healthcheck"]["test"])
    unit = (REPOSITORY / "deploy/systemd/sunwell-server.service").read_text(encoding="utf-8")
    assert {"Type=notify", "WatchdogSec=60"} <= set(unit.splitlines())


def test_only_what_gateways_call_is_reached_from_outside(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    reachable = [port for port in ports if not str(port).startswith("127.0.0.1:")]
    assert reachable == [{"published": port, "target": port} for port in (8883, 8443)]


def test_what_containers_mount_is_there(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for volume in service.get("volumes", []):
            source, target = volume.split(":")[:2]
            if source.startswith("/"):
                assert Path(source).exists(), f"{name} mounts {source}"
                assert volume.endswith(":ro"), f"{name} could change {source}"
            else:
                assert source in compose["volumes"], f"{name}: {target}"


def test_secrets_named_in_settings_are_given_to_that_container(compose: dict[str, Any]) -> None:
    for name in ("server", "gateway"):
        wanted = {Path(value).name for value in env_file(name).values() if value.startswith("/run/secrets/")}
        given = {secret["source"] for secret in compose["services"][name]["secrets"]}
        assert wanted == given


def test_the_server_reads_its_example_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {f"SUNWELL_SERVER_{name.upper()}" for name in ServerSettings.model_fields}
    example = env_file("server")
    assert set(example) <= known
    for name, value in example.items():
        monkeypatch.setenv(name, value)
    settings = ServerSettings()
    assert settings.effective_database_url == "postgresql+psycopg://sunwell@postgres:5432/sunwell"
    assert settings.effective_timeseries == "influxdb+http://influxdb:8086/sunwell"


def test_the_gateway_reads_its_example_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in env_file("gateway").items():
        monkeypatch.setenv(name, value)
    settings = GatewaySettings.read()
    assert settings.name == settings.uplink.user == settings.devices.user == "gw-street"
    assert settings.uplink.host == settings.devices.host == "mosquitto"
    assert settings.uplink.password_file == Path("/run/secrets/broker_gateway_password")
    brokers = {
        f"{broker}__{field.upper()}" for broker in ("UPLINK", "DEVICES") for field in Broker.model_fields
    }
    known = {name.upper() for name in GatewaySettings.model_fields} | brokers
    assert {name.removeprefix("SUNWELL_GATEWAY_") for name in env_file("gateway")} <= known


@pytest.mark.parametrize("service", ["server", "gateway", "simulators"])
def test_compose_calls_the_command_line_as_it_is(compose: dict[str, Any], service: str) -> None:
    command, *rest = compose["services"][service]["command"]
    plain = {"PATH": "/usr/bin:/bin", "COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}
    run = subprocess.run(
        [sys.executable, "-m", "sunwell", command, "--help"],
        cwd=REPOSITORY,
        env=plain,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "not installed" not in run.stdout
    assert [word for word in rest if word.startswith("--") and word not in run.stdout] == []


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what make-secrets needs."""
    shutil.copytree(REPOSITORY / "scripts", tmp_path / "scripts")
    (tmp_path / "deploy" / "mosquitto").mkdir(parents=True)
    shutil.copy(DEPLOY / "mosquitto" / "roles.json", tmp_path / "deploy" / "mosquitto")
    return tmp_path


def make_secrets(checkout: Path, *gateways: str) -> subprocess.CompletedProcess[str]:
    """Run scripts/make-secrets in a copy."""
    command = ["scripts/make-secrets", *gateways]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)


def test_make_secrets_makes_all_that_compose_names_and_keeps_what_is_there(
    checkout: Path, compose: dict[str, Any]
) -> None:
    assert make_secrets(checkout).returncode == 0
    folder = checkout / "deploy" / "secrets"
    assert folder.stat().st_mode & 0o077 == 0
    made = {path.name: path.read_text() for path in folder.glob("*_password.txt")}
    assert {Path(secret["file"]).name for secret in compose["secrets"].values()} <= {
        path.name for path in folder.iterdir()
    }
    assert all(len(text) == 48 for text in made.values())
    assert len(set(made.values())) == len(made)

    again = make_secrets(checkout, "gw-north")
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines() == ["made deploy/secrets/broker_gw-north_password.txt"]
    assert {name: (folder / name).read_text() for name in made} == made
    users = (folder / "broker_users.txt").read_text()
    assert "sunwell/v1/gw-north/up/#" in users
    assert "sunwell/v1/gw-street/up/#" in users


@pytest.mark.parametrize("name", ["north", "gw-", "gw-a/b", "gw-+", "gw-A"])
def test_make_secrets_refuses_a_gateway_name_that_would_open_other_topics(checkout: Path, name: str) -> None:
    run = make_secrets(checkout, name)
    assert run.returncode == 1
    assert f"gateway '{name}'" in run.stderr


def test_dashboards_can_read_only_what_is_granted(postgres: Postgres, tmp_path: Path) -> None:
    psql = program_or_skip("psql", package="postgresql")
    database = postgres.create()
    secret = tmp_path / "grafana"
    secret.write_text("wall-password")
    environment = {
        "PATH": f"{Path(psql).parent}:/usr/bin:/bin",
        "POSTGRES_USER": USER,
        "POSTGRES_DB": database,
        "GRAFANA_PASSWORD_FILE": str(secret),
        "PGHOST": postgres.host,
        "PGPORT": str(postgres.port),
        "PGPASSWORD": postgres.password,
    }
    script = DEPLOY / "postgres" / "init" / "10-grafana.sh"
    subprocess.run(["bash", str(script)], env=environment, check=True, capture_output=True)
    owner = postgres.url(database).replace("+psycopg", "")
    reader = owner.replace(f"{USER}:{postgres.password}", "grafana:wall-password")
    try:
        with psycopg.connect(owner) as connection:
            connection.execute("CREATE TABLE resident (name text)")
            connection.execute("CREATE VIEW open_tasks AS SELECT count(*) AS n FROM resident")
            connection.execute("GRANT SELECT ON open_tasks TO grafana")
        with psycopg.connect(reader, autocommit=True) as connection:
            assert connection.execute("SELECT n FROM open_tasks").fetchone() == (0,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT name FROM resident")
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute("CREATE TABLE mine (n int)")
    finally:
        with psycopg.connect(owner, autocommit=True) as connection:
            connection.execute("DROP OWNED BY grafana")
            connection.execute("DROP ROLE grafana")
        postgres.drop(database)


def test_grafana_reads_what_the_server_writes(compose: dict[str, Any]) -> None:
    folder = DEPLOY / "grafana" / "provisioning"
    readings, tasks = yaml.safe_load((folder / "datasources" / "sunwell.yaml").read_text())["datasources"]
    server = env_file("server")
    address = f"influxdb+{readings['url']}/{readings['jsonData']['dbName']}"
    assert address == server["SUNWELL_SERVER_TIMESERIES"]
    database = f"postgresql+psycopg://{USER}@{tasks['url']}/{tasks['jsonData']['database']}"
    assert database == server["SUNWELL_SERVER_DATABASE_URL"]
    given = {
        f"$__file{{/run/secrets/{secret['source']}}}" for secret in compose["services"]["grafana"]["secrets"]
    }
    assert {source["secureJsonData"]["password"] for source in (readings, tasks)} <= given


@pytest.mark.parametrize("script", sorted(DEPLOY.glob("*/init/*.sh")), ids=lambda path: path.name)
def test_init_scripts_are_sound_shell_and_executable(script: Path) -> None:
    subprocess.run(["bash", "-n", str(script)], check=True)
    assert os.access(script, os.X_OK)
