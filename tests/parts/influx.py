"""Debian's InfluxDB 1.6 behind nginx, which lets it answer version 2's write call as in deploy/nginx."""

import itertools
import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.parts.processes import (
    DEPLOY,
    Process,
    find_program,
    free_port,
    listens,
    ordinary_user,
    private_folder,
)

ORG = "sunwell"
TOKEN = "unchecked-by-influxdb-1"


@dataclass(frozen=True)
class Bucket:
    """One database. `address` is what the server's TIMESERIES setting takes; InfluxDB 1 checks no token."""

    name: str
    url: str
    token_file: Path
    org: str = ORG
    token: str = TOKEN

    @property
    def address(self) -> str:
        """influxdb+http://host:port/bucket"""
        return f"influxdb+{self.url}/{self.name}"

    def query(self, influxql: str) -> list[dict[str, Any]]:
        """The series of an InfluxQL statement, as InfluxDB's JSON has them."""
        return _query(self.url, influxql, database=self.name)


@dataclass(frozen=True)
class Influx:
    """A database server that runs, with its front. `kill`, `start` and `stop` are the database's."""

    url: str
    folder: Path
    process: Process
    front: Process
    _names: Iterator[int] = field(default_factory=itertools.count)

    def create(self) -> Bucket:
        """A fresh database."""
        name = f"bucket_{next(self._names)}"
        _query(self.url, f'CREATE DATABASE "{name}"')
        return Bucket(name, self.url, self.folder / "token")

    def drop(self, bucket: Bucket) -> None:
        """Remove a database."""
        _query(self.url, f'DROP DATABASE "{bucket.name}"')

    def kill(self) -> None:
        """SIGKILL the database; its front answers 502 until it is back."""
        self.process.kill()

    def start(self) -> None:
        """Start the database again on its data."""
        self.process.start()

    def stop(self) -> None:
        """Orderly end of the database."""
        self.process.stop()


def _query(url: str, statement: str, database: str = "") -> list[dict[str, Any]]:
    """POST so that statements that change something are accepted too. Raises ValueError with its error."""
    form = urllib.parse.urlencode({"q": statement, "db": database, "epoch": "ms"}).encode()
    with urllib.request.urlopen(f"{url}/query", data=form, timeout=10) as response:
        result = json.load(response)["results"][0]
    if "error" in result:
        raise ValueError(f"{statement}: {result['error']}")
    return list(result.get("series", []))


def _replaced(text: str, values: dict[str, str]) -> str:
    for there, here in values.items():
        if there not in text:
            raise ValueError(f"the configuration in deploy no longer has {there!r}")
        text = text.replace(there, here)
    return text


@contextmanager
def running_influx() -> Iterator[Influx]:
    """InfluxDB 1.6 and nginx before it. Raises PartMissingError."""
    influxd = find_program("influxd", package="influxdb")
    nginx = find_program("nginx", package="nginx-light")
    account = ordinary_user("influxdb")
    with private_folder("influx", owner=account) as folder, private_folder("nginx") as front_folder:
        database_port, backup_port, front_port = free_port(), free_port(), free_port()
        configuration = folder / "influxdb.conf"
        configuration.write_text(
            _replaced(
                (DEPLOY / "influxdb" / "influxdb1.conf").read_text(),
                {
                    "/var/lib/influxdb": str(folder),
                    "127.0.0.1:8086": f"127.0.0.1:{database_port}",
                    "127.0.0.1:8088": f"127.0.0.1:{backup_port}",
                },
            )
        )
        (folder / "token").write_text(TOKEN + "\n")
        (front_folder / "nginx.conf").write_text(
            _replaced(
                (DEPLOY / "nginx" / "influxdb1.conf").read_text(),
                {"127.0.0.1:8086": f"127.0.0.1:{database_port}", "127.0.0.1:8186": f"127.0.0.1:{front_port}"},
            )
        )
        process = Process(
            "influxd",
            [influxd, "run", "-config", str(configuration)],
            folder=folder,
            answers=lambda: listens(database_port),
            user=account,
        )
        front = Process(
            "nginx",
            [nginx, "-p", f"{front_folder}/", "-c", "nginx.conf"],
            folder=front_folder,
            answers=lambda: listens(front_port),
        )
        process.start()
        try:
            front.start()
            yield Influx(f"http://127.0.0.1:{front_port}", folder, process, front)
        finally:
            front.stop()
            process.stop()
