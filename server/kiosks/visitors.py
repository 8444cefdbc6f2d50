"""Pseudonyms in the place of whatever a kiosk calls its visitors, before anything is kept.

A pseudonym is an HMAC of the id under a key of its period, which is derived from the server's seal key: the
same visitor has the same one within a period and another in the next, and without the key no id can be tried.
Names and pictures are dropped.
"""

import hmac
from base64 import b32encode
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from msgspec.structs import replace
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from gateway.wire import AlarmMessage
from server.clock import from_ms
from server.db.database import Database
from server.db.models import KioskVisitor, Occurrence
from server.db.upsert import insert_missing

VISITOR: Final = "visitor"
IDS: Final = frozenset(
    {VISITOR, "person_id", "employee_no", "card_no", "card", "id_card", "face_id", "record_person"}
)
"""Points that name a person by a number."""
DROPPED: Final = frozenset({"name", "person_name", "picture", "picture_url", "photo", "face", "phone"})
"""Points that are never kept."""
KEPT: Final = timedelta(days=1)
"""How long a pseudonym waits for its alarm: these have a lane of their own, and come first as a rule."""
_PERSONAL: Final = IDS | DROPPED
_LOCAL: Final = timezone(timedelta(hours=8))
"""Days change at midnight in China."""
Value = float | int | bool | str


def pseudonym(key: bytes, raw: Value, *, at: datetime, hours: int) -> str:
    """Sixteen letters and digits for `raw` in the period of `hours` that `at` lies in. Pure."""
    local = at.astimezone(_LOCAL)
    period = int(local.timestamp() + 8 * 3_600) // (hours * 3_600)
    of_period = hmac.digest(key, f"visitor:{hours}:{period}".encode(), sha256)
    return b32encode(hmac.digest(of_period, str(raw).encode(), sha256))[:16].decode()


def is_personal(names: Iterable[str]) -> bool:
    """Whether any of these points tells who somebody is."""
    return not _PERSONAL.isdisjoint(names)


def veiled(values: Mapping[str, Value], key: bytes, *, at: datetime, hours: int) -> dict[str, Value]:
    """The values without names and pictures, and with a pseudonym as `visitor` for the first id there is."""
    kept = {name: value for name, value in values.items() if name not in _PERSONAL}
    ids = [values[name] for name in sorted(IDS & values.keys()) if str(values[name]).strip()]
    if ids:
        kept[VISITOR] = pseudonym(key, ids[0], at=at, hours=hours)
    return kept


def veiled_alarm(message: AlarmMessage, key: bytes, *, hours: int) -> AlarmMessage:
    """The message, its value replaced where its point tells who somebody is."""
    if message.point is None or message.value is None or not is_personal([message.point]):
        return message
    if message.point in DROPPED:
        return replace(message, value=None)
    at = from_ms(message.gateway_ms)
    return replace(message, point=VISITOR, value=pseudonym(key, message.value, at=at, hours=hours))


def keep(database: Database, seen: Iterable[tuple[str, datetime, str]], *, now: datetime) -> None:
    """Keeps pseudonyms by (position, device time) and writes them into what has occurred then.

    A reading and its alarm come in any order, or at once at two servers. Each writes down its own, commits,
    and only then looks for the other's: whoever is later finds it. Raises StoreUnavailableError; to be
    called again then, and to be acknowledged after it.
    """
    people = {(position_id, at): visitor for position_id, at, visitor in seen}
    with database.write() as session:
        rows = [
            {"position_id": position_id, "at": at, "visitor": visitor, "kept_at": now}
            for (position_id, at), visitor in people.items()
        ]
        insert_missing(session, KioskVisitor, rows, index=("position_id", "at"))
    with database.write() as session:
        for (position_id, at), visitor in people.items():
            _write_in(session, position_id, at, visitor)


def recall(database: Database, breach: str) -> None:
    """Writes the pseudonym of whoever stood there, if it is known already, into what occurred as `breach`. To
    be called after the occurrence is committed. Raises StoreUnavailableError."""
    query = select(KioskVisitor).join(
        Occurrence,
        (Occurrence.position_id == KioskVisitor.position_id) & (Occurrence.device_at == KioskVisitor.at),
    )
    with database.read() as session:
        known = session.scalars(query.where(Occurrence.breach == breach)).all()
    if known:
        with database.write() as session:
            for one in known:
                _write_in(session, one.position_id, one.at, one.visitor)


def forget(session: Session, *, now: datetime) -> None:
    """Takes away what has waited long enough for an alarm."""
    session.execute(delete(KioskVisitor).where(KioskVisitor.kept_at <= now - KEPT))


def _write_in(session: Session, position_id: str, at: datetime, visitor: str) -> None:
    query = select(Occurrence).where(
        Occurrence.position_id == position_id, Occurrence.device_at == at, Occurrence.event == "occurred"
    )
    for occurrence in session.scalars(query.with_for_update()):
        occurrence.value = {**occurrence.value, VISITOR: visitor}


@cache
def key_in(file: Path) -> bytes:
    """The key for pseudonyms, derived from the seal keys in `file`. Raises OSError."""
    return sha256(b"sunwell visitors\n" + file.read_bytes()).digest()
