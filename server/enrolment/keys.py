"""The authority's files: kept apart from the data, readable by the server alone, made once.

`authority.key` is worth more than anything else here: whoever has it can make a gateway of any name. A backup
of it belongs in a safe; without it every gateway has to enrol again. All servers of one Sunwell share the
folder.
"""

import base64
import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from server.enrolment import ca
from server.enrolment.ca import Authority

CERTIFICATE: Final = "authority.crt"
KEY: Final = "authority.key"
SECRET: Final = "broker.secret"  # noqa: S105 - a file's name


@dataclass(frozen=True, slots=True)
class Keys:
    """The authority, and the secret that gateways' passwords at the broker are derived from."""

    authority: Authority
    secret: bytes = field(repr=False)

    def password(self, gateway: str, generation: int) -> str:
        """A gateway's password at the broker: another one each time that it enrols. Derived rather than kept,
        so that a broker which has lost its users can be given them again."""
        digest = hmac.digest(self.secret, f"{gateway}\n{generation}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def open_keys(folder: Path, *, now: datetime) -> Keys:
    """The keys in `folder`; made where there are none. Two servers that start at once agree. Raises OSError,
    or ValueError where the files don't belong together."""
    if not folder.exists():
        _make(folder, now)
    return Keys(
        ca.read_authority((folder / CERTIFICATE).read_text(), (folder / KEY).read_text()),
        (folder / SECRET).read_bytes(),
    )


def _make(folder: Path, now: datetime) -> None:
    authority = ca.make_authority(now=now)
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    write_private(
        beside,
        {
            CERTIFICATE: authority.pem.encode(),
            KEY: ca.key_pem(authority.key).encode(),
            SECRET: secrets.token_bytes(32),
        },
    )
    try:
        beside.rename(folder)
    except OSError:
        for file in beside.iterdir():
            file.unlink()
        beside.rmdir()
        if not folder.exists():  # else another server was faster: its keys count
            raise


def write_private(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes files that only their owner can read; they are on disk when this returns."""
    for name, content in files.items():
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
