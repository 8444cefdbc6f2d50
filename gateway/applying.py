"""The desired state at work: the last good document is resumed, a new one read, put in force or refused."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from edge.driver import EdgeDevice, cut
from edge.supervisor import SupervisedDriver
from gateway import wire
from gateway.core.desired import DesiredError, Wanted, difference, read_desired
from gateway.health.troubles import Reports
from gateway.judging import Judging
from gateway.store import DesiredStore

REASON_LENGTH: Final = 2_000

_log = structlog.get_logger(__name__)


class Applying:
    """Puts documents in force: drivers get their devices, `judging` its rules. `told` is called when a
    document was taken or refused, `intervals_changed` when `health_ms` has another value."""

    def __init__(
        self,
        store: DesiredStore,
        judging: Judging,
        drivers: Mapping[str, SupervisedDriver],
        *,
        reports: Reports,
        told: Callable[[], None],
        intervals_changed: Callable[[], None],
    ) -> None:
        self.refused: int | None = None
        self.reason: str | None = None
        self.health_ms = wire.DesiredMessage(version=0).health_ms
        self._store = store
        self._judging = judging
        self._drivers = drivers
        self._reports = reports
        self._told = told
        self._intervals_changed = intervals_changed
        self._wanted: Wanted | None = None
        self._one_at_a_time = asyncio.Lock()

    @property
    def applied(self) -> int:
        """The version of the desired state in force; 0 if there was none yet."""
        return 0 if self._wanted is None else self._wanted.message.version

    def device(self, device_id: str) -> tuple[str, EdgeDevice] | None:
        """A device in force and the name of its driver; None if there is none of this id."""
        for driver, devices in self._wanted.devices.items() if self._wanted is not None else ():
            for device in devices:
                if device.id == device_id:
                    return driver, device
        return None

    async def resume(self) -> None:
        """Work by the last good document from the first moment, with or without a network."""
        try:
            message = await asyncio.to_thread(self._store.read)
            if message is not None:
                await self._put_in_force(
                    await asyncio.to_thread(read_desired, message, self._drivers.keys()), store=False
                )
        except (OSError, wire.WireError, DesiredError) as error:
            self._reports.add("desired", "stored_document", cut(error))

    async def apply(self, message: wire.DesiredMessage) -> None:
        """Put a desired state in force: what differs, and nothing else. Raises DesiredError."""
        async with self._one_at_a_time:
            wanted = await asyncio.to_thread(read_desired, message, self._drivers.keys())
            await self._put_in_force(wanted)

    async def on_desired(self, payload: bytes) -> None:
        """Take what the server published: put it in force, or remember why not."""
        if not payload:
            return  # the retained document was taken away: what is in force stays
        known: int | None = None
        try:
            message: wire.DesiredMessage = wire.decode("down/desired", payload)
            known = message.version
            await self.apply(message)
            self.refused = self.reason = None
        except (wire.WireError, DesiredError) as error:
            self.refused, self.reason = known, cut(error, REASON_LENGTH)
            self._reports.add("desired", "refused", cut(error))
        self._told()

    async def _put_in_force(self, wanted: Wanted, *, store: bool = True) -> None:
        before = self._wanted
        change = difference(before, wanted)
        if before is not None and not change and before.message.version == wanted.message.version:
            return
        if store:
            try:
                await asyncio.to_thread(self._store.write, wanted.message)
            except OSError as error:
                self._reports.add("desired", "not_stored", cut(error))
        self._wanted = wanted
        if change.rules:
            await self._judging.replace_rules(wanted.rules, wanted.device_at())
        for name in change.drivers:
            self._drivers[name].apply(wanted.devices.get(name, ()))
        if change.intervals:
            self._judging.recorder.set_interval(wanted.message.frame_ms)
            self.health_ms = wanted.message.health_ms
            self._intervals_changed()
        _log.info(
            "desired state in force",
            version=wanted.message.version,
            added=len(change.added),
            removed=len(change.removed),
            changed=len(change.changed),
        )
