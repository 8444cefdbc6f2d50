"""Who this gateway is: its key, certificate and password, in files that it alone can read.

    FOLDER/current          a link to the credential in force
    FOLDER/pending.key      a key whose certificate has been asked for
    FOLDER/c-…/             a credential: gateway.key, gateway.crt, authority.crt, password, identity.json

A credential is written whole beside the present one and comes into force by turning the link, so a power cut
leaves either of them. The folder lies apart from data and program; without it the gateway is as new.
"""

import os
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from gateway.enrolment.wire import Credential
from gateway.settings import Broker, TlsFiles

CURRENT: Final = "current"
PENDING: Final = "pending.key"


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What a credential says beside its keys. `server` is the address that renews it."""

    gateway: str
    server: str
    broker_host: str
    broker_port: int


@dataclass(frozen=True, slots=True)
class Identity:
    """The credential in force."""

    folder: Path
    known: Known

    @property
    def broker(self) -> Broker:
        """The server's broker, with this credential."""
        return Broker(
            host=self.known.broker_host,
            port=self.known.broker_port,
            user=self.known.gateway,
            password_file=self.folder / "password",
            tls=TlsFiles(
                ca=self.folder / "authority.crt",
                certificate=self.folder / "gateway.crt",
                key=self.folder / "gateway.key",
            ),
        )

    @property
    def certificate(self) -> str:
        """The certificate, PEM. Raises OSError."""
        return (self.folder / "gateway.crt").read_text()

    @property
    def authority(self) -> str:
        """The authority's certificate, PEM. Raises OSError."""
        return (self.folder / "authority.crt").read_text()

    @property
    def key(self) -> bytes:
        """The private key, PEM. Raises OSError."""
        return (self.folder / "gateway.key").read_bytes()


@dataclass(frozen=True, slots=True)
class IdentityStore:
    """The folder of credentials."""

    folder: Path

    def read(self) -> Identity | None:
        """The credential in force; None before the first. Raises OSError or msgspec.DecodeError where its
        files are damaged."""
        try:
            folder = self.folder / (self.folder / CURRENT).readlink()
        except FileNotFoundError:
            return None
        return Identity(folder, msgspec.json.decode((folder / "identity.json").read_bytes(), type=Known))

    def pending_key(self, make: bytes) -> bytes:
        """The key that a certificate has been asked for; `make` from now on where there is none. An answer
        that was lost can so be asked for again."""
        self._make_folder()
        file = self.folder / PENDING
        if not file.exists():
            _write(self.folder, {f"{PENDING}.new": make})
            (self.folder / f"{PENDING}.new").replace(file)
            self._give_to(self.folder, file)
            _sync(self.folder)
        return file.read_bytes()

    def forget_pending(self) -> None:
        """The next request is for another key."""
        (self.folder / PENDING).unlink(missing_ok=True)

    def keep(self, credential: Credential, key: bytes, *, server: str) -> Identity:
        """Bring a credential into force; it is on disk when this returns. Raises OSError."""
        self._make_folder()
        name = f"c-{secrets.token_hex(6)}"
        folder = self.folder / name
        folder.mkdir(mode=0o700)
        known = Known(
            gateway=credential.gateway,
            server=server,
            broker_host=credential.broker_host,
            broker_port=credential.broker_port,
        )
        files = {
            "gateway.key": key,
            "gateway.crt": credential.certificate.encode(),
            "authority.crt": credential.authority.encode(),
            "password": credential.password.encode(),
            "identity.json": msgspec.json.encode(known),
        }
        _write(folder, files)
        self._give_to(self.folder, folder, *folder.iterdir())
        _sync(folder)
        link = self.folder / f"{CURRENT}.new"
        link.unlink(missing_ok=True)
        link.symlink_to(name)
        link.replace(self.folder / CURRENT)
        _sync(self.folder)
        self.forget_pending()
        for old in self.folder.glob("c-*"):
            if old.name != name:
                shutil.rmtree(old, ignore_errors=True)
        return Identity(folder, known)

    def _make_folder(self) -> None:
        if not self.folder.exists():
            self.folder.mkdir(mode=0o700, parents=True)
            self._give_to(self.folder.parent, self.folder)
        with suppress(PermissionError):  # made by somebody else for us: as they wanted it
            self.folder.chmod(0o700)

    @staticmethod
    def _give_to(folder: Path, *paths: Path) -> None:
        """What root writes (`sudo sunwell gateway enrol`) is for the user whose folder it is in."""
        if os.geteuid() == 0:
            owner = folder.stat()
            for path in paths:
                os.chown(path, owner.st_uid, owner.st_gid)


def _write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
