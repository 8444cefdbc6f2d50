"""A whole Sunwell as its users run it: server and gateway as processes of their own, on real parts.

`RealSystem` puts them on Mosquitto, PostgreSQL and InfluxDB; `EmbeddedSystem` is `sunwell demo --no-sim`.
Tests see both through the same few things: the API, the broker's port for devices, the gateway's name.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.error import HTTPError, URLError

import aiomqtt

from tests.parts.influx import Bucket
from tests.parts.mosquitto import Mosquitto
from tests.parts.processes import free_port

PASSWORD = "correct horse battery"
WAIT_S = 60.0
"""Far more than anything here takes; a test that waits this long has failed."""


class ApiError(RuntimeError):
    """The API refused; `status` and the document tell why."""

    def __init__(self, status: int, document: Any) -> None:
        super().__init__(f"{status}: {document}")
        self.status = status
        self.document = document


@dataclass
class Api:
    """The JSON API with a token."""

    url: str
    token: str

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's document. Raises ApiError."""
        request = urllib.request.Request(
            f"{self.url}/api/v1{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"authorization": f"Bearer {self.token}", "content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return json.load(response)
        except HTTPError as error:
            raise ApiError(error.code, json.loads(error.read())) from error

    def occurrences(self) -> list[dict[str, Any]]:
        """Every occurrence of every alarm."""
        return [
            occurrence
            for alarm in self("GET", "/alarms?state=all&limit=500")
            for occurrence in self("GET", f"/alarms/{alarm['id']}/occurrences")
            if occurrence["event"] == "occurred"
        ]


class System(Protocol):
    """What a test needs of a running Sunwell."""

    api: Api
    gateway: str
    mqtt_port: int

    def device_client(self) -> aiomqtt.Client:
        """A client that may publish what devices publish."""
        ...


async def wait_for(what: str, look: Callable[[], Any], *, seconds: float = WAIT_S) -> Any:
    """The first true answer of `look`, asked on a thread; errors of a server that is not up yet count as
    no answer."""
    deadline = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < deadline:
        try:
            last = await asyncio.to_thread(look)
        except (URLError, ConnectionError, TimeoutError, ApiError) as error:
            last = error
        else:
            if last:
                return last
        await asyncio.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds:g} s; last seen: {last!r}")


def start(words: list[str], *, log: Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """A `sunwell` command as a process; its output goes to `log`."""
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "sunwell", *words],
            stdout=out,
            stderr=out,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )


def stop(process: subprocess.Popen[bytes], *, hard: bool = False) -> int:
    """Ends a process and gives its exit status; it must end by itself within 10 s of being asked."""
    if process.poll() is None:
        process.send_signal(signal.SIGKILL if hard else signal.SIGTERM)
    return process.wait(10)


def add_administrator(folder: Path, env: Mapping[str, str]) -> str:
    """Brings the database to the newest schema, adds the administrator and gives a token of theirs, all as
    people do who set up a server. `folder` has the file "password"."""
    token = folder / "token"
    for words in (
        ("user", "add", "admin", "--role", "administrator", "--password-file", str(folder / "password")),
        ("user", "token", "admin", "--file", str(token)),
    ):
        subprocess.run(
            [sys.executable, "-m", "sunwell", *words],
            check=True,
            env={**os.environ, **env},
            stdout=subprocess.DEVNULL,
        )
    return token.read_text().strip()


@dataclass
class RealSystem:
    """Server and gateway on two Mosquittos (the server's, and the one beside the gateway), PostgreSQL and
    InfluxDB. Each can be killed and started again. `token` is an administrator's, where the database has one
    already; without, both are made."""

    folder: Path
    mosquitto: Mosquitto
    device_broker: Mosquitto
    database_url: str
    bucket: Bucket
    gateway: str = "gw-1"
    token: str = ""
    http_port: int = field(default_factory=free_port)
    uplink_port: int | None = None
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    api: Api = field(init=False)

    def __post_init__(self) -> None:
        self.mqtt_port = self.device_broker.port
        (self.folder / "password").write_text(PASSWORD)
        token = self.token or add_administrator(self.folder, self.server_environment)
        self.api = Api(f"http://127.0.0.1:{self.http_port}", token)

    @property
    def server_environment(self) -> dict[str, str]:
        """The server's settings."""
        return {
            "SUNWELL_SERVER_DATA": str(self.folder / "server"),
            "SUNWELL_SERVER_DATABASE_URL": self.database_url,
            "SUNWELL_SERVER_TIMESERIES": self.bucket.address,
            "SUNWELL_SERVER_INFLUX_ORG": self.bucket.org,
            "SUNWELL_SERVER_INFLUX_TOKEN_FILE": str(self.bucket.token_file),
            "SUNWELL_SERVER_MQTT_PORT": str(self.mosquitto.port),
            "SUNWELL_SERVER_MQTT_USER": "server",
            "SUNWELL_SERVER_MQTT_PASSWORD_FILE": str(self.mosquitto.password_file("server")),
            "SUNWELL_SERVER_HTTP_PORT": str(self.http_port),
            "SUNWELL_SERVER_GATEWAY_GRACE_S": "6",
        }

    @property
    def gateway_environment(self) -> dict[str, str]:
        """The gateway's settings."""
        return {
            "SUNWELL_GATEWAY_NAME": self.gateway,
            "SUNWELL_GATEWAY_DATA": str(self.folder / "gateway"),
            "SUNWELL_GATEWAY_UPLINK__PORT": str(self.uplink_port or self.mosquitto.port),
            "SUNWELL_GATEWAY_UPLINK__USER": self.gateway,
            "SUNWELL_GATEWAY_UPLINK__PASSWORD_FILE": str(self.mosquitto.password_file(self.gateway)),
            "SUNWELL_GATEWAY_DEVICES__PORT": str(self.device_broker.port),
            "SUNWELL_GATEWAY_DISCOVER": '["zigbee2mqtt/+"]',
            "SUNWELL_GATEWAY_DEVICES__USER": "edge",
            "SUNWELL_GATEWAY_DEVICES__PASSWORD_FILE": str(self.device_broker.password_file("edge")),
        }

    async def start_server(self) -> None:
        """Starts the server and waits until it is ready."""
        self.begin_server()
        await self.wait_ready()

    def begin_server(self) -> None:
        """Starts the server."""
        self.processes["server"] = start(
            ["server"], log=self.folder / "server.log", env=self.server_environment
        )

    async def wait_ready(self) -> None:
        """Waits until database, time series and broker are all there."""
        await wait_for("the server is ready", lambda: _answers(f"{self.api.url}/readyz"))

    def start_gateway(self) -> None:
        """Starts the gateway; it need not be registered yet."""
        self.processes["gateway"] = start(
            ["gateway"], log=self.folder / "gateway.log", env=self.gateway_environment
        )

    def kill(self, name: str) -> None:
        """SIGKILL to "server" or "gateway"."""
        stop(self.processes.pop(name), hard=True)

    def close(self) -> None:
        """Asks all that runs to stop."""
        for process in self.processes.values():
            stop(process)

    def device_client(self) -> aiomqtt.Client:
        """A client that may publish what devices publish."""
        return aiomqtt.Client(
            "127.0.0.1",
            self.device_broker.port,
            username="devices",
            password=self.device_broker.passwords["devices"],
        )


@dataclass
class EmbeddedSystem:
    """`sunwell demo --no-sim`: everything in one process, on amqtt and SQLite."""

    folder: Path
    gateway: str = "gw-demo"
    http_port: int = field(default_factory=free_port)
    mqtt_port: int = field(default_factory=free_port)
    api: Api = field(init=False)

    async def start(self) -> None:
        """Starts it and waits until it is ready."""
        words = ["demo", "--no-sim", "--http", str(self.http_port), "--mqtt", str(self.mqtt_port)]
        self.process = start([*words, "--data", str(self.folder / "data")], log=self.folder / "demo.log")
        url = f"http://127.0.0.1:{self.http_port}"
        await wait_for("the demo is ready", lambda: _answers(f"{url}/readyz"))
        token = self.folder / "data" / "api-token"
        await wait_for("the demo's token", token.exists)
        self.api = Api(url, token.read_text().strip())

    def close(self) -> None:
        """Asks it to stop, as Ctrl-C does."""
        assert stop(self.process) == 0

    def device_client(self) -> aiomqtt.Client:
        """A client that may publish what devices publish: in the demo, anybody."""
        return aiomqtt.Client("127.0.0.1", self.mqtt_port)


def _answers(url: str) -> bool:
    with urllib.request.urlopen(url, timeout=5) as response:
        return bool(response.status == 200)
