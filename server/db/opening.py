"""Opens the database that the settings name, with its password and its seal keys."""

from pathlib import Path

from sqlalchemy import select

from server.db.database import Database
from server.db.models import SealCheck
from server.db.sealed import Seals
from server.settings import ServerSettings, make_secret, read_secret

SEAL_KEY = "seal-key"
_WORD = "阳光井"


def open_database(settings: ServerSettings) -> Database:
    """The database. A seal key is made in the data folder where the settings name none. Raises OSError where
    a secret cannot be read, SealError for a key that is none."""
    seals = Seals.read(seal_key_file(settings))
    return Database(
        settings.effective_database_url, password=read_secret(settings.database_password_file), seals=seals
    )


def seal_key_file(settings: ServerSettings) -> Path:
    """Where the keys are; there are some afterwards."""
    if settings.seal_key_file is not None:
        return settings.seal_key_file
    file = settings.data / SEAL_KEY
    make_secret(file)
    return file


def check_seals(database: Database) -> None:
    """Whether these are the keys that the data was sealed with. Raises SealError: the server must not start,
    since it could show nobody's door."""
    with database.write() as session:
        check = session.scalar(select(SealCheck))
        if check is None:
            session.add(SealCheck(id=1, word=_WORD))
