"""Web push: waking the browsers that a person lets us wake, even while no page is open.

Messages are encrypted for the browser (RFC 8291) and signed with this server's key (RFC 8292) by pywebpush;
the push service between reads nothing. It is reached over HTTPS and must be one that the settings name: the
address comes from the browser, and must not lead into our own network.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import requests
import structlog
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02
from py_vapid.utils import b64urlencode
from pydantic import BaseModel, ConfigDict, Field
from pywebpush import WebPushException, webpush
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from server.clock import now as clock
from server.db.database import Database
from server.db.models import PushSubscription
from server.errors import InvalidError
from server.notify.channels import TIMEOUT_S, SendError
from server.settings import ServerSettings, make_secret, read_secret

log = structlog.get_logger(__name__)
LIFE_S: Final = 3_600
"""How long a push service keeps a message for a telephone that is off. Longer, and somebody else has gone."""
MOST: Final = 10
"""Browsers of one person."""
_GONE: Final = frozenset({404, 410})


class Keys(BaseModel):
    """What a browser's subscription is encrypted with."""

    model_config = ConfigDict(extra="forbid")

    p256dh: str = Field(min_length=80, max_length=120, pattern=r"^[A-Za-z0-9_=-]+$")
    auth: str = Field(min_length=16, max_length=40, pattern=r"^[A-Za-z0-9_=-]+$")


class SubscriptionIn(BaseModel):
    """What `PushSubscription.toJSON()` gives in the browser."""

    model_config = ConfigDict(extra="ignore")

    endpoint: str = Field(max_length=1_000)
    keys: Keys


@dataclass(frozen=True, slots=True)
class Pusher:
    """What sends. `subject` is whom a push service may ask about us."""

    database: Database
    key: Vapid02
    subject: str

    def send(self, user_id: int, message: Mapping[str, Any]) -> None:
        """Wakes all browsers of a person. Raises SendError where none took it."""
        with self.database.read() as session:
            wanted = [(row.id, row.endpoint, json.loads(row.keys)) for row in of(session, user_id)]
        results = [self._wake(*one, message) for one in wanted]
        if not any(results):
            raise SendError("no browser took the message" if wanted else "no browser is registered")

    def _wake(self, number: int, endpoint: str, keys: Mapping[str, str], message: Mapping[str, Any]) -> bool:
        try:
            webpush(
                {"endpoint": endpoint, "keys": dict(keys)},
                data=json.dumps(message, ensure_ascii=False),
                vapid_private_key=self.key,
                vapid_claims={"sub": self.subject},
                timeout=TIMEOUT_S,
                ttl=LIFE_S,
                headers={"Urgency": "high"},
            )
        except WebPushException as error:
            status = None if error.response is None else error.response.status_code
            log.warning("push_refused", subscription=number, status=status)
            self._note(number, ok=False, gone=status in _GONE)
            return False
        except (requests.RequestException, ValueError) as error:
            log.warning("push_failed", subscription=number, error=type(error).__name__)
            self._note(number, ok=False, gone=False)
            return False
        self._note(number, ok=True, gone=False)
        return True

    def _note(self, number: int, *, ok: bool, gone: bool) -> None:
        with self.database.write() as session:
            if gone:
                session.execute(delete(PushSubscription).where(PushSubscription.id == number))
                return
            values = {"last_ok_at": clock(), "failed_at": None} if ok else {"failed_at": clock()}
            session.execute(update(PushSubscription).where(PushSubscription.id == number).values(values))


def open_key(settings: ServerSettings) -> Vapid02:
    """The key that messages are signed with; made at the first need."""
    secret = read_secret(settings.push_key_file) or make_secret(settings.data / "push-key")
    return Vapid02.from_raw(secret.encode())


def public_key(key: Vapid02) -> str:
    """What the browser is told, in URL-safe base64."""
    point: bytes = key.public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    text: str = b64urlencode(point)
    return text


def subject(settings: ServerSettings) -> str:
    """Whom a push service may ask about us: our pages' address."""
    address = settings.public_url
    return address if address.startswith("https://") else "mailto:sunwell@localhost"


def subscribe(
    session: Session,
    user_id: int,
    wanted: SubscriptionIn,
    *,
    device: str,
    hosts: Sequence[str],
    now: datetime,
) -> None:
    """Remembers a browser. The same browser again is the same row, also under another person.

    Raises InvalidError for an address that is not a known push service's, or one browser too many.
    """
    check_endpoint(wanted.endpoint, hosts)
    digest = hashlib.sha256(wanted.endpoint.encode()).hexdigest()
    row = session.scalar(select(PushSubscription).where(PushSubscription.endpoint_hash == digest))
    if row is None:
        if len(of(session, user_id)) >= MOST:
            raise InvalidError(f"you have {MOST} browsers already: take one away first")
        row = PushSubscription(endpoint_hash=digest, created_at=now)
        session.add(row)
    row.user_id, row.device = user_id, device
    row.endpoint, row.keys = wanted.endpoint, wanted.keys.model_dump_json()
    row.failed_at = None


def unsubscribe(session: Session, user_id: int, number: int) -> None:
    """Forgets one of the person's browsers."""
    session.execute(
        delete(PushSubscription).where(PushSubscription.id == number, PushSubscription.user_id == user_id)
    )


def of(session: Session, user_id: int) -> Sequence[PushSubscription]:
    """A person's browsers."""
    query = select(PushSubscription).where(PushSubscription.user_id == user_id)
    return session.scalars(query.order_by(PushSubscription.id)).all()


def check_endpoint(endpoint: str, hosts: Sequence[str]) -> None:
    """Raises InvalidError unless this is a push service that the settings name, over HTTPS. A service on this
    very machine may go without, if it is named."""
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    known = any(host == each or host.endswith(f".{each}") for each in hosts)
    if not known or parts.username or not (parts.scheme == "https" or host == "localhost"):
        raise InvalidError(
            f"the push service {host[:60]!r} is not one that this server uses: ask an administrator to add "
            "it to SUNWELL_SERVER_PUSH_HOSTS"
        )
