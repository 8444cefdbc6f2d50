"""`sunwell seal-key`: the keys that personal data is sealed with, on the server's own machine."""

import typer

from server.db.migrate import upgrade
from server.db.opening import open_database, seal_key_file
from server.db.rotation import add_key, drop_old, keys_in, reseal
from server.db.sealed import SealError, Seals
from server.settings import ServerSettings

app = typer.Typer(no_args_is_help=True, help="The keys that personal data is sealed with")
ROUNDS = 10
"""Of sealing again: servers with a copy of the file of their own may still seal with the old key."""


@app.callback()
def seal_key() -> None:
    """The keys that personal data is sealed with."""


@app.command()
def rotate() -> None:
    """Make a new key, seal everything with it, drop the old. May be cut off and begun again; servers that
    share the key file need no restart. Servers with a copy of their own: `add`, copy the file, `finish`."""
    add()
    finish()


@app.command()
def add() -> None:
    """Put a new key before the old, which goes on opening what it has sealed."""
    file = seal_key_file(ServerSettings())
    if keys_in(file) > 1:
        typer.echo(f"{file} has a new key already: going on with it")
        return
    add_key(file)
    typer.echo(f"{file} begins with a new key now")


@app.command()
def finish() -> None:
    """Seal everything with the newest key, then drop the old."""
    settings = ServerSettings()
    file = seal_key_file(settings)
    database = open_database(settings)
    try:
        upgrade(database)
        for _ in range(ROUNDS):
            again = reseal(database, Seals.read(file), settings.effective_photos)
            typer.echo(f"{again} texts and photos sealed again")
            if not again:
                break
        gone = drop_old(database, file, settings.effective_photos)
    except SealError as error:
        typer.echo(f"sunwell seal-key: {error}", err=True)
        raise typer.Exit(1) from error
    finally:
        database.dispose()
    typer.echo(f"{gone} old keys dropped. Keep a copy of {file} elsewhere: without it the data is lost")
