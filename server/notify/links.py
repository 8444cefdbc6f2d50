"""Links that take a task with one tap: signed, for one person and one task, for a limited time. Pure.

`v1.<delivery>.<task>.<user>.<expiry>.<signature>`, the signature over the rest with a key of this purpose.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

_PURPOSE: Final = b"sunwell acknowledge v1"
_PARTS: Final = 6


class BadLinkError(ValueError):
    """The link was not made here, is for something else, or has expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What a link stands for."""

    delivery_id: int
    task_id: int
    user_id: int


def made(key: str, link: Link, *, life: timedelta, now: datetime) -> str:
    """The token for a link that works for `life`."""
    expires = int((now + life).timestamp())
    text = f"v1.{link.delivery_id}.{link.task_id}.{link.user_id}.{expires}"
    return f"{text}.{_signature(key, text)}"


def read(key: str, token: str, *, now: datetime) -> Link:
    """What the token stands for. Raises BadLinkError."""
    text, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(key, text).encode()):
        raise BadLinkError("this link was not made here, or is cut short")
    parts = text.split(".")
    if len(parts) != _PARTS - 1 or parts[0] != "v1":
        raise BadLinkError("this link is of another kind")
    if int(parts[4]) < now.timestamp():
        raise BadLinkError("this link has expired: log in instead")
    return Link(delivery_id=int(parts[1]), task_id=int(parts[2]), user_id=int(parts[3]))


def _signature(key: str, text: str) -> str:
    own_key = hashlib.sha256(_PURPOSE + key.encode()).digest()
    digest = hmac.new(own_key, text.encode(), hashlib.sha256).digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")
