"""Mosquitto with the configuration, roles and users of deploy/mosquitto, on a free port."""

import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.parts.processes import (
    DEPLOY,
    REPOSITORY,
    Process,
    find_program,
    free_port,
    listens,
    ordinary_user,
    private_folder,
)

USERS = ("server", "edge", "devices", "bridge", "gw-1", "gw-2", "gw-3")
PLUGIN = "mosquitto_dynamic_security.so"


@dataclass(frozen=True)
class Mosquitto:
    """A broker that runs. `passwords` by user; `password_file(user)` for settings that want a file."""

    port: int
    passwords: dict[str, str]
    folder: Path
    process: Process
    host: str = "127.0.0.1"
    tls_port: int | None = None

    def password_file(self, user: str) -> Path:
        """The file that holds the user's password."""
        return self.folder / f"{user}.password"

    def kill(self) -> None:
        """SIGKILL. Messages that it had not saved are gone, as after a power cut."""
        self.process.kill()

    def start(self) -> None:
        """Start again after `kill` or `stop`: same port, users and saved data."""
        self.process.start()

    def stop(self) -> None:
        """Orderly end."""
        self.process.stop()

    def restart(self) -> None:
        """Orderly end and start."""
        self.process.restart()


def plugin_path() -> str:
    """Where this machine keeps the dynamic-security plugin; Debian has it in its multi-arch folder."""
    found = sorted(Path("/usr/lib").glob(f"*/{PLUGIN}")) or sorted(Path("/usr/lib").glob(PLUGIN))
    return str(found[0]) if found else f"/usr/lib/{PLUGIN}"


def render(folder: Path, port: int) -> str:
    """deploy/mosquitto/mosquitto.conf with this machine's paths and one loopback port."""
    text = (DEPLOY / "mosquitto" / "mosquitto.conf").read_text()
    for there, here in {
        "listener 1883\n": f"listener {port} 127.0.0.1\n",
        f"/usr/lib/{PLUGIN}": plugin_path(),
        "/mosquitto/data": str(folder),
        "/mosquitto/config": str(folder),
    }.items():
        if there not in text:
            raise ValueError(f"deploy/mosquitto/mosquitto.conf no longer has {there.strip()!r}")
        text = text.replace(there, here)
    return text


@dataclass(frozen=True)
class TlsFiles:
    """What the broker's TLS listener needs, as paths: its certificate and key, and the clients' authority."""

    certificate: Path
    key: Path
    authority: Path


def add_tls(folder: Path, files: TlsFiles) -> int:
    """Open the TLS listener of deploy/mosquitto/tls on a free port, which is returned."""
    port = free_port()
    (folder / "tls").mkdir()
    named = {"server.crt": files.certificate, "server.key": files.key, "ca.crt": files.authority}
    for name, source in named.items():
        (folder / "tls" / name).write_bytes(source.read_bytes())
    text = (DEPLOY / "mosquitto" / "tls" / "tls.conf").read_text()
    text = text.replace("listener 8883\n", f"listener {port} 127.0.0.1\n").replace(
        "/mosquitto/config", str(folder)
    )
    (folder / "conf.d" / "tls.conf").write_text(text)
    return port


@contextmanager
def running_mosquitto(
    users: Sequence[str] = USERS,
    *,
    tls: TlsFiles | None = None,
    beside_gateway: bool = False,
) -> Iterator[Mosquitto]:
    """A Mosquitto with these users, all with random passwords; with its TLS listener, given its files;
    as the broker beside a gateway, if wanted. Raises PartMissingError."""
    program = find_program("mosquitto", package="mosquitto")
    account = ordinary_user("mosquitto")
    with private_folder("mosquitto", owner=account) as folder:
        port = free_port()
        passwords = {user: secrets.token_urlsafe(18) for user in users}
        for user, password in passwords.items():
            (folder / f"{user}.password").write_text(password + "\n")
        users_file = folder / "dynamic-security.json"
        pairs = [f"{user}={folder / user}.password" for user in users]
        script = REPOSITORY / "scripts" / "broker-users"
        subprocess.run([sys.executable, str(script), str(users_file), *pairs], check=True)
        if account is not None:
            shutil.chown(users_file, account)
        (folder / "conf.d").mkdir()
        if beside_gateway:
            extra = DEPLOY / "mosquitto" / "devices" / "devices.conf"
            (folder / "conf.d" / extra.name).write_bytes(extra.read_bytes())
        tls_port = add_tls(folder, tls) if tls is not None else None
        configuration = folder / "mosquitto.conf"
        configuration.write_text(render(folder, port))
        process = Process(
            "mosquitto",
            [program, "-c", str(configuration)],
            folder=folder,
            answers=lambda: listens(port),
            user=account,
        )
        process.start()
        try:
            yield Mosquitto(port, passwords, folder, process, tls_port=tls_port)
        finally:
            process.stop()
