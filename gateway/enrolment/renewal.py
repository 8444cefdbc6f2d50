"""Keeping the certificate valid: renewed when two thirds of its life are over, while the old one still is.

Also looks whether another process (`sunwell gateway enrol`) has brought a new credential.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
import structlog

from edge.driver import cut
from gateway.enrolment import enrolling, keys
from gateway.enrolment.enrolling import EnrolError
from gateway.enrolment.identity import Identity, IdentityStore
from gateway.settings import Broker

LOOK_S: Final = 5.0
FIRST_PAUSE_MS: Final = 60_000
LONGEST_PAUSE_MS: Final = 3_600_000

_log = structlog.get_logger(__name__)


class Renewal:
    """The loop. `use` connects anew with another credential, `changed` ends the program when this has become
    another gateway, `trouble` hears why a renewal failed."""

    def __init__(
        self,
        store: IdentityStore,
        identity: Identity,
        *,
        clock: Callable[[], int],
        use: Callable[[Broker], None],
        changed: Callable[[], None] | None,
        trouble: Callable[[str], None],
        look_s: float = LOOK_S,
    ) -> None:
        self._store = store
        self._identity = identity
        self._clock = clock
        self._use = use
        self._changed = changed
        self._trouble = trouble
        self._look_s = look_s
        self._pause_ms = 0
        self._not_before_ms = 0

    async def run(self) -> None:
        """Look again and again. Runs until cancelled."""
        while True:
            await self._look()
            await asyncio.sleep(self._look_s)

    async def _look(self) -> None:
        try:
            found = await asyncio.to_thread(self._store.read)
            if found is not None and found.folder != self._identity.folder:
                self._take(found)
                return
            now_ms = self._clock()
            if now_ms < max(keys.renewal_due_ms(self._identity.certificate), self._not_before_ms):
                return
            renewed = await asyncio.to_thread(enrolling.renew, self._store, self._identity)
        except (EnrolError, OSError, ValueError, msgspec.DecodeError) as error:
            self._pause_ms = min(max(2 * self._pause_ms, FIRST_PAUSE_MS), LONGEST_PAUSE_MS)
            self._not_before_ms = self._clock() + self._pause_ms
            self._trouble(cut(error))
        else:
            self._take(renewed)

    def _take(self, identity: Identity) -> None:
        same = identity.known.gateway == self._identity.known.gateway
        self._identity = identity
        self._pause_ms = self._not_before_ms = 0
        _log.info("a new certificate is in force", gateway=identity.known.gateway)
        if same:
            self._use(identity.broker)
        elif self._changed is not None:
            self._changed()
