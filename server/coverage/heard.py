"""What sensors last said, kept between two rounds so that each round asks only for what is new."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from firmware_profiles import Catalogue
from server.readings.service import LATEST_WITHIN, fields_by_family
from server.timeseries.store import LatestValue, TimeSeriesStore

OVERLAP: Final = timedelta(minutes=15)
"""How much of the last round is asked for again: frames are stored up to minutes after their readings."""
WHOLE: Final = timedelta(hours=1)
"""How often all is asked for: what a gateway kept during a long cut is older than the overlap."""


@dataclass(slots=True)
class Heard:
    """The newest values by position; empty until the first round."""

    values: Mapping[str, Sequence[LatestValue]] = field(default_factory=dict)
    _asked_at: datetime | None = None
    _whole_at: datetime | None = None

    @property
    def is_known(self) -> bool:
        """Whether anything has been asked for yet."""
        return self._asked_at is not None

    async def refresh(self, store: TimeSeriesStore, catalogue: Catalogue, *, now: datetime) -> None:
        """Asks for what is new. Raises StoreUnavailableError; then what was known stays."""
        whole = self._asked_at is None or self._whole_at is None or abs(now - self._whole_at) >= WHOLE
        since = now - LATEST_WITHIN if whole or self._asked_at is None else self._asked_at - OVERLAP
        new = await store.latest(fields_by_family(catalogue), since=since)
        self.values = new if whole else merged(self.values, new)
        self._asked_at = now
        if whole:
            self._whole_at = now


def merged(
    known: Mapping[str, Sequence[LatestValue]], new: Mapping[str, Sequence[LatestValue]]
) -> dict[str, Sequence[LatestValue]]:
    """Of each position's fields the newer value."""
    result = dict(known)
    for position, values in new.items():
        fields = {value.field: value for value in known.get(position, ())}
        for value in values:
            before = fields.get(value.field)
            if before is None or value.time >= before.time:
                fields[value.field] = value
        result[position] = tuple(fields.values())
    return result
