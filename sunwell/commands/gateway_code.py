"""`sunwell gateway-code`: a code for a new gateway, made on the server's own machine."""

from datetime import datetime
from typing import Annotated

import segno
import typer

from server.clock import now
from server.db.migrate import upgrade
from server.db.opening import open_database
from server.enrolment.desk import make_code
from server.enrolment.keys import open_keys
from server.errors import ServerError
from server.settings import ServerSettings


def gateway_code(
    gateway: Annotated[str, typer.Argument(help="The gateway's id, as it is registered (gw-…)")],
    qr: Annotated[bool, typer.Option(help="Draw the QR code too")] = True,
) -> None:
    """Make a code with which a gateway enrols, once."""
    settings = ServerSettings()
    settings.data.mkdir(parents=True, exist_ok=True)
    database = open_database(settings)
    try:
        upgrade(database)
        made = make_code(database, settings, open_keys(settings.effective_ca, now=now()), gateway, None)
    except (ServerError, OSError, ValueError) as error:
        typer.echo(f"sunwell gateway-code: {error}", err=True)
        raise typer.Exit(1) from error
    finally:
        database.dispose()
    typer.echo(made.text)
    if qr:
        segno.make_qr(made.page).terminal(compact=True)
    typer.echo(f"for {made.gateway}, once, until {_local(made.expires_at)}:", err=True)
    typer.echo(f"  sunwell gateway enrol {made.text}", err=True)
    typer.echo(f"  or scan the QR code in the gateway's network: it opens {settings.gateway_page}", err=True)
    if not settings.enrols:
        typer.echo(
            "  Nobody can use it yet: set SUNWELL_SERVER_ENROL_ADDRESS, _ENROL_PORT and _GATEWAY_BROKER.",
            err=True,
        )


def _local(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
