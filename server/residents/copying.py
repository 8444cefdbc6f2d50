"""What a resident is handed (个人信息保护法 art. 45): one ZIP with the record, a page of it to read and
print, and every reading of the home's positions, a table each.

It is made while it is sent, so that neither memory nor disk holds more than a portion of it.
"""

import csv
import io
import json
import zipfile
from asyncio import to_thread
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue, Point
from server.db.models import Attachment, Device, Position, Resident
from server.errors import StoreUnavailableError
from server.timeseries.store import STATUS, StoredValue, TimeSeriesStore, base_name

PORTION: Final = 2_000
"""Values asked for and packed at once: a few milliseconds."""
BOM: Final = "\ufeff"
"""Without it spreadsheets take Chinese for something else."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_STEP: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Source:
    """A position's readings of one family, from `since` on; `points` are what its profiles know of them."""

    position_id: str
    name: str
    family: str
    since: datetime
    points: Mapping[str, Point]


@dataclass(frozen=True, slots=True)
class Packed:
    """One table in the ZIP: how many values, and from when to when."""

    file: str
    position_id: str
    name: str
    values: int
    first: datetime
    last: datetime


Page = Callable[[Sequence[Packed], bool], str]
"""The page, given what was packed, and whether readings are missing."""


def sources(session: Session, catalogue: Catalogue, resident_id: str) -> list[Source]:
    """Where the resident's readings are: by position and family of all devices that have hung there, from
    when the resident was written down. What a place measured before was somebody else's."""
    query = (
        select(Position, Device.profile, Resident.created_at)
        .join(Resident, Resident.id == Position.resident_id)
        .join(Attachment, Attachment.position_id == Position.id)
        .join(Device, Device.id == Attachment.device_id)
        .where(Position.resident_id == resident_id)
        .order_by(Position.id, Attachment.since)
    )
    found: dict[tuple[str, str], Source] = {}
    for position, profile_id, written_at in session.execute(query):
        profile = catalogue.get(profile_id)
        if profile is None:
            continue
        key = (position.id, profile.family)
        before = found[key].points if key in found else {}
        since = written_at or position.created_at
        points = {**before, **profile.points}
        found[key] = Source(position.id, position.name, profile.family, since, points)
    return list(found.values())


def headers(resident_id: str) -> dict[str, str]:
    """What is said with the ZIP: no cache keeps it, and its name."""
    name = "".join(
        each if each.isascii() and (each.isalnum() or each in "-_.") else "_" for each in resident_id
    )
    return {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="resident-{name}.zip"',
        "X-Accel-Buffering": "no",
    }


async def zipped(
    document: Mapping[str, Any],
    places: Sequence[Source],
    store: TimeSeriesStore,
    *,
    language: str,
    page: Page | None,
    now: datetime,
) -> AsyncIterator[bytes]:
    """The ZIP, portion by portion. Where the store does not answer, what is there is packed and the page (and
    a file of its own) says that readings are missing."""
    out = _Out()
    packed: list[Packed] = []
    missing = False
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        text = json.dumps(document, ensure_ascii=False, indent=1)
        await to_thread(archive.writestr, "record.json", text)
        yield out.taken()
        for number, place in enumerate(places, 1):
            # Ids may hold what file names may not; the number keeps them apart.
            plain = "".join(each if each.isalnum() or each in "-_." else "_" for each in place.position_id)
            name = f"readings/{number:02} {plain} {place.family}.csv"
            values = _values(store, place, end=now)
            try:
                first = await anext(values, None)
                if first is None:
                    continue
                count, last = 0, first[0].time
                with archive.open(name, "w", force_zip64=True) as file:
                    head = BOM + _csv([("time", "point", "name", "value", "unit", "status")])
                    await to_thread(file.write, head.encode())
                    portion: list[StoredValue] | None = first
                    while portion:
                        count, last = count + len(portion), portion[-1].time
                        await to_thread(_pack, file, portion, place, language)
                        yield out.taken()
                        portion = await anext(values, None)
                packed.append(Packed(name, place.position_id, place.name, count, first[0].time, last))
            except StoreUnavailableError:
                missing = True
                break
        if missing:
            archive.writestr("readings/INCOMPLETE 读取不完整.txt", "The store of readings did not answer.\n")
        if page is not None:
            await to_thread(lambda: archive.writestr("record.html", page(packed, missing)))
    yield out.taken()


async def _values(
    store: TimeSeriesStore, place: Source, *, end: datetime
) -> AsyncIterator[list[StoredValue]]:
    start = place.since
    while portion := await store.stored(
        family=place.family, position=place.position_id, start=start, end=end, limit=PORTION
    ):
        yield portion
        start = portion[-1].time + _STEP


def _pack(file: Any, portion: Sequence[StoredValue], place: Source, language: str) -> None:
    file.write(_csv(_row(value, place.points, language) for value in portion).encode())


def _row(value: StoredValue, points: Mapping[str, Point], language: str) -> tuple[str, ...]:
    name = base_name(value.field)
    point = points.get(name)
    words = "" if point is None else point.name.zh if language == "zh" else point.name.en
    said = value.value if isinstance(value.value, str) else f"{value.value:.12g}"
    said = f"'{said}" if isinstance(value.value, str) and said.startswith(_FORMULA) else said
    is_status = value.field.endswith(STATUS)
    unit = "" if point is None or is_status else point.unit or ""
    return (
        value.time.isoformat(timespec="milliseconds"),
        name,
        words,
        "" if is_status else said,
        unit,
        said if is_status else "",
    )


def _csv(rows: Any) -> str:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue()


class _Out(io.RawIOBase):
    """A file that can only be written, and hands over what was."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """Holds the bytes until they are taken."""
        self._held += data
        return len(data)

    def taken(self) -> bytes:
        """What was written since the last time."""
        held, self._held = bytes(self._held), bytearray()
        return held
