"""`sunwell broker-certificate`: what the broker's TLS listener needs, from the server's own authority."""

import io
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from server.clock import now
from server.enrolment import ca
from server.enrolment.keys import open_keys, write_private
from server.settings import ServerSettings


def broker_certificate(
    names: Annotated[list[str], typer.Argument(help="Host names and addresses that gateways call it by")],
    out: Annotated[Path, typer.Option(help="Folder to write to")] = Path("deploy/mosquitto/tls"),
) -> None:
    """Write ca.crt, server.crt and server.key for the broker. They are good for ten years. With --out - they
    come out as a tar archive, for a broker on another machine or in another container."""
    settings = ServerSettings()
    try:
        authority = open_keys(settings.effective_ca, now=now()).authority
        key = ca.new_key()
        certificate = ca.server_certificate(authority, key, names=names, now=now())
        files = {
            "server.key": ca.key_pem(key).encode(),
            "server.crt": ca.pem_of(certificate).encode(),
            "ca.crt": authority.pem.encode(),
        }
        if str(out) == "-":
            _write_archive(files)
            return
        out.mkdir(parents=True, exist_ok=True)
        write_private(out, {"server.key": files.pop("server.key")})
        for name, content in files.items():
            (out / name).write_bytes(content)
    except (OSError, ValueError) as error:
        typer.echo(f"sunwell broker-certificate: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"written to {out}: ca.crt, server.crt, server.key (for the broker's user alone)")


def _write_archive(files: Mapping[str, bytes]) -> None:
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o600 if name.endswith(".key") else 0o644
            archive.addfile(entry, io.BytesIO(content))
