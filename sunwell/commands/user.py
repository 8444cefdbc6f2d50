"""`sunwell user`: people, on the server's own machine. The first administrator is made here."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from server.clock import now
from server.db.migrate import upgrade
from server.db.opening import open_database
from server.errors import ServerError
from server.settings import ServerSettings, read_secret
from server.users import service, sessions
from server.users.roles import Role

app = typer.Typer(no_args_is_help=True, help="People and their API tokens")


@app.command()
def add(
    login: str,
    role: Annotated[Role, typer.Option(help="What the person is to Sunwell")],
    name: Annotated[str, typer.Option(help="The person's name")] = "",
    password_file: Annotated[
        Path | None, typer.Option(help="File with the password; without it you are asked")
    ] = None,
) -> None:
    """Add a person."""
    password = read_secret(password_file) or typer.prompt(
        "Password", hide_input=True, confirmation_prompt=True
    )
    with _session() as session:
        service.add(session, login=login, name=name or login, role=role, password=password, now=now())
    typer.echo(f"{login} added as {role}")


@app.command()
def token(
    login: str,
    name: Annotated[str, typer.Option(help="What the token is for")] = "command line",
    file: Annotated[Path | None, typer.Option(help="Write it to this file instead of showing it")] = None,
) -> None:
    """Make an API token that acts as a person."""
    with _session() as session:
        user = service.by_login(session, login)
        if user is None:
            raise typer.BadParameter(f"there is no user {login!r}: sunwell user add {login} --role …")
        made = sessions.new_token(session, user, name=name, expires_at=None, now=now())
    if file is None:
        typer.echo(made)
    else:
        file.touch(mode=0o600)
        file.write_text(f"{made}\n", encoding="utf-8")


@contextmanager
def _session() -> Iterator[Session]:
    """A unit of work on the server's database; an error becomes one line and exit status 1."""
    settings = ServerSettings()
    settings.data.mkdir(parents=True, exist_ok=True)
    database = open_database(settings)
    try:
        upgrade(database)
        with database.write() as session:
            yield session
    except ServerError as error:
        typer.echo(f"sunwell user: {error.message}", err=True)
        raise typer.Exit(1) from error
    finally:
        database.dispose()
