"""`sunwell broker-certificate`: what the broker's TLS listener needs, from the server's own authority."""

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
    """Write ca.crt, server.crt and server.key for the broker. They are good for ten years."""
    settings = ServerSettings()
    try:
        authority = open_keys(settings.effective_ca, now=now()).authority
        key = ca.new_key()
        certificate = ca.server_certificate(authority, key, names=names, now=now())
        out.mkdir(parents=True, exist_ok=True)
        write_private(out, {"server.key": ca.key_pem(key).encode()})
        (out / "server.crt").write_text(ca.pem_of(certificate))
        (out / "ca.crt").write_text(authority.pem)
    except (OSError, ValueError) as error:
        typer.echo(f"sunwell broker-certificate: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"written to {out}: ca.crt, server.crt, server.key (for the broker's user alone)")
