"""Readings that tell who somebody is: only a pseudonym goes on, to the series and to what occurred then."""

import asyncio
from datetime import datetime

from gateway.rules.model import Scalar
from gateway.wire import DataReading
from server.clock import from_ms, now
from server.context import Context
from server.db.opening import seal_key_file
from server.kiosks import visitors
from server.kiosks.policy import KioskPolicy
from server.policies.service import current


class Guests:
    """Veils the readings of one batch, and writes the pseudonyms down after they are stored."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._seen: list[tuple[str, datetime, str]] = []

    async def veil(self, reading: DataReading, time_ms: int) -> tuple[dict[str, Scalar], dict[str, str]]:
        """The reading's values and statuses as they may be kept."""
        key, hours = await asyncio.to_thread(self._key)
        at = from_ms(time_ms)
        values = visitors.veiled(reading.v, key, at=at, hours=hours)
        if visitors.VISITOR in values:
            self._seen.append((reading.p, at, str(values[visitors.VISITOR])))
        return values, {name: text for name, text in reading.s.items() if not visitors.is_personal([name])}

    @property
    def waiting(self) -> bool:
        """Whether there is anything to write down."""
        return bool(self._seen)

    def keep(self) -> None:
        """Keeps the pseudonyms, and writes them into what occurred. Blocks."""
        seen, self._seen = self._seen, []
        visitors.keep(self._context.database, seen, now=now())

    def _key(self) -> tuple[bytes, int]:
        with self._context.database.read() as session:
            hours = current(session, KioskPolicy).rotate_hours
        return visitors.key_in(seal_key_file(self._context.settings)), hours
