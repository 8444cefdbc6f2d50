"""Versions that devices report: the point `firmware` of their readings, kept once for each change."""

from time import monotonic
from typing import Final

from gateway.wire import DataReading
from server.clock import now
from server.context import Context
from server.devices.service import told_firmware

POINT: Final = "firmware"
MOST_KNOWN: Final = 100_000
"""Devices whose last word is remembered: those of a city's server. Beyond, all are looked up once more."""
KNOWN_S: Final = 3_600.0
"""The record may have been changed by hand meanwhile."""


class FirmwareReports:
    """Collects what the frames of one batch say, and keeps it after they are stored."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[str, tuple[str, float]] = {}
        self._news: dict[str, tuple[str, int, str]] = {}

    def hear(self, gateway: str, reading: DataReading) -> None:
        """Note a reading's version. Stale ones are of some time in the past."""
        version = reading.v.get(POINT)
        if not isinstance(version, str) or reading.q != "good":
            return
        known, since = self._known.get(reading.d, ("", -KNOWN_S))
        if known == version and monotonic() - since < KNOWN_S:
            return
        newest = self._news.get(reading.d)
        if newest is None or newest[1] <= reading.t:
            self._news[reading.d] = (gateway, reading.t, version)

    @property
    def waiting(self) -> bool:
        """Whether there is anything to keep."""
        return bool(self._news)

    def keep(self) -> None:
        """Write what is new. Blocks."""
        news, self._news = self._news, {}
        if len(self._known) + len(news) > MOST_KNOWN:
            self._known.clear()
        for device_id, (gateway_id, _, version) in news.items():
            with self._context.database.write() as session:
                told_firmware(
                    session,
                    device_id,
                    version,
                    gateway_id=gateway_id,
                    catalogue=self._context.catalogue,
                    now=now(),
                )
            self._known[device_id] = (version, monotonic())
