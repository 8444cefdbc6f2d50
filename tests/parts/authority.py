"""An authority as the server makes it, and what the broker's TLS listener gets from it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from server.enrolment import ca
from server.enrolment.ca import Authority
from server.enrolment.keys import Keys, open_keys
from tests.parts.mosquitto import TlsFiles


def authority_in(folder: Path) -> Keys:
    """The keys in FOLDER/authority, made if there are none."""
    return open_keys(folder / "authority", now=datetime.now(UTC))


def broker_files(folder: Path, authority: Authority, names: Sequence[str] = ("127.0.0.1",)) -> TlsFiles:
    """The files of `sunwell broker-certificate`, in FOLDER/broker-tls."""
    target = folder / "broker-tls"
    target.mkdir()
    key = ca.new_key()
    certificate = ca.server_certificate(authority, key, names=names, now=datetime.now(UTC))
    files = TlsFiles(target / "server.crt", target / "server.key", target / "ca.crt")
    files.certificate.write_text(ca.pem_of(certificate))
    files.key.write_text(ca.key_pem(key))
    files.authority.write_text(authority.pem)
    return files
