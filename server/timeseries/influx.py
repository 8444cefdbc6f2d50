"""Readings in InfluxDB 2 or 3: the production store.

Written as ready lines through `/api/v2/write` with the official client; read with InfluxQL through
`/query`, which versions 1, 2 and 3 answer alike (a 2 needs a DBRP mapping of the bucket, see `deploy/`).
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import aiohttp
from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException

from server.clock import from_ms, to_ms
from server.errors import InvalidError, StoreUnavailableError
from server.timeseries.store import (
    TEXT,
    Bucket,
    LatestValue,
    Point,
    StoredValue,
    TextValue,
    base_name,
    in_time_order,
    newest,
    whole_moments,
)

TIMEOUT_S: Final = 10.0
NAMED_AT_MOST: Final = 200
"""Positions that a statement names; with more it asks for all, which is the smaller question then."""
_UNAVAILABLE: Final = (aiohttp.ClientError, OSError, asyncio.TimeoutError)


class InfluxStore:
    """A `TimeSeriesStore` in one bucket (called a database in InfluxQL)."""

    def __init__(self, *, url: str, bucket: str, org: str, token: str) -> None:
        self._bucket, self._org, self._url, self._token = bucket, org, url.rstrip("/"), token
        self._client: InfluxDBClientAsync | None = None
        self._http: aiohttp.ClientSession | None = None

    async def write(self, points: Sequence[Point]) -> None:
        """See `TimeSeriesStore`."""
        if self._client is None:
            self._client = InfluxDBClientAsync(
                url=self._url,
                token=self._token,
                org=self._org,
                timeout=round(TIMEOUT_S * 1000),
                enable_gzip=True,
            )
        body = "\n".join(line(point) for point in points if point.fields)
        if not body:
            return
        try:
            await self._client.write_api().write(
                bucket=self._bucket,
                org=self._org,
                record=body,
                write_precision=WritePrecision.MS,  # type: ignore[arg-type] # its constants are plain strings
            )
        except ApiException as error:
            detail = f"InfluxDB answered {error.status}: {str(error.body or error.reason)[:300]}"
            if error.status in (400, 413, 422):
                raise InvalidError(detail) from error
            raise StoreUnavailableError(detail) from error
        except _UNAVAILABLE as error:
            raise StoreUnavailableError(f"InfluxDB does not answer: {error!r}") from error

    async def latest(
        self,
        families: Mapping[str, Collection[str]],
        *,
        since: datetime,
        positions: Collection[str] | None = None,
    ) -> dict[str, list[LatestValue]]:
        """See `TimeSeriesStore`."""
        if positions is not None and not positions:
            return {}
        few = positions if positions is not None and len(positions) <= NAMED_AT_MOST else ()
        either = " OR ".join(f'"position" = {_text(one)}' for one in few)
        at = f" AND ({either})" if either else ""
        stored = await self._stored_fields()
        asked = [
            (family, field)
            for family, fields in stored.items()
            for field in fields
            if base_name(field) in families.get(family, ())
        ]
        if not asked:
            return {}
        statements = [
            f"SELECT last({_name(field)}) FROM {_name(family)} WHERE time >= {to_ms(since)}ms{at} "
            'GROUP BY "position"'
            for family, field in asked
        ]
        results = await self._query("; ".join(statements))
        return newest(
            (position, LatestValue(field, _time(row[0]), _scalar(row[1])))
            for (_, field), result in zip(asked, results, strict=True)
            for position, row in _rows(result)
            if positions is None or position in positions
        )

    async def series(
        self, *, family: str, position: str, field: str, start: datetime, end: datetime, width_ms: int
    ) -> list[Bucket]:
        """See `TimeSeriesStore`."""
        f = _name(field)
        (result,) = await self._query(
            f"SELECT mean({f}), min({f}), max({f}), count({f}) FROM {_name(family)} "
            f'WHERE "position" = {_text(position)} AND time >= {to_ms(start)}ms AND time < {to_ms(end)}ms '
            f"GROUP BY time({width_ms}ms) fill(none)"
        )
        return [
            Bucket(_time(row[0]), float(row[1]), float(row[2]), float(row[3]), int(row[4]))
            for _, row in _rows(result)
        ]

    async def texts(
        self, *, family: str, position: str, field: str, start: datetime, end: datetime, limit: int
    ) -> list[TextValue]:
        """See `TimeSeriesStore`."""
        of_field = (
            f"SELECT {_name(field + TEXT)}, {_name(field)} FROM {_name(family)} "
            f'WHERE "position" = {_text(position)}'
        )
        newest_first = "ORDER BY time DESC LIMIT"
        within, before = await self._query(
            f"{of_field} AND time >= {to_ms(start)}ms AND time < {to_ms(end)}ms {newest_first} {limit + 1}; "
            f"{of_field} AND time < {to_ms(start)}ms {newest_first} 1"
        )
        return in_time_order(_values(within), next(iter(_values(before)), None), limit=limit)

    async def stored(
        self, *, family: str, position: str, start: datetime, end: datetime, limit: int
    ) -> list[StoredValue]:
        """See `TimeSeriesStore`."""
        fields = sorted((await self._stored_fields()).get(family, ()))
        if not fields:
            return []
        (result,) = await self._query(
            f"SELECT {', '.join(map(_name, fields))} FROM {_name(family)} "
            f'WHERE "position" = {_text(position)} AND time >= {to_ms(start)}ms AND time < {to_ms(end)}ms '
            f"ORDER BY time ASC LIMIT {limit}"
        )
        rows = [row for _, row in _rows(result)]
        values = [
            StoredValue(_time(row[0]), field, _scalar(value))
            for row in rows
            for field, value in zip(fields, row[1:], strict=True)
            if value is not None
        ]
        return whole_moments(values, cut=len(rows) == limit)

    async def check(self) -> None:
        """See `TimeSeriesStore`."""
        await self._query("SHOW RETENTION POLICIES")

    async def close(self) -> None:
        """See `TimeSeriesStore`."""
        if self._client is not None:
            await self._client.close()  # type: ignore[no-untyped-call] # the library's
        if self._http is not None:
            await self._http.close()

    async def _stored_fields(self) -> dict[str, list[str]]:
        """By family: the fields that have ever been written; far fewer than all profiles have."""
        (result,) = await self._query("SHOW FIELD KEYS")
        return {series["name"]: [row[0] for row in series["values"]] for series in result.get("series", ())}

    async def _query(self, text: str) -> list[dict[str, Any]]:
        """The results of the statements. Raises StoreUnavailableError."""
        if self._http is None:
            headers = {"Authorization": f"Token {self._token}"} if self._token else {}
            self._http = aiohttp.ClientSession(
                headers=headers, timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)
            )
        try:
            async with self._http.post(
                f"{self._url}/query", data={"db": self._bucket, "epoch": "ms", "q": text}
            ) as response:
                if response.status != 200:
                    raise StoreUnavailableError(
                        f"InfluxDB answered {response.status}: {(await response.text())[:300]}"
                    )
                document = await response.json()
        except _UNAVAILABLE as error:
            raise StoreUnavailableError(f"InfluxDB does not answer: {error!r}") from error
        results: list[dict[str, Any]] = document["results"]
        for result in results:
            if "error" in result:
                raise StoreUnavailableError(f"InfluxDB: {result['error']}")
        return results


def line(point: Point) -> str:
    """A point in line protocol, time in milliseconds. Tags in alphabetical order, as InfluxDB likes them."""
    tags = ",".join(
        f"{key}={_tag(value)}"
        for key, value in (
            ("area", point.area),
            ("device", point.device),
            ("gateway", point.gateway),
            ("position", point.position),
        )
        if value
    )
    fields = ",".join(
        f"{_tag(name)}={_string(value) if isinstance(value, str) else repr(value)}"
        for name, value in point.fields.items()
    )
    return f"{_tag(point.family)},{tags} {fields} {point.time_ms}"


def _tag(text: str) -> str:
    cleaned = text.replace("\n", " ").rstrip("\\")
    return cleaned.replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")


def _string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _name(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _rows(result: dict[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    for series in result.get("series", ()):
        position = series.get("tags", {}).get("position", "")
        for row in series["values"]:
            yield position, row


def _values(result: dict[str, Any]) -> list[tuple[datetime, float | str]]:
    return [
        (_time(time), _scalar(number if text is None else text)) for _, (time, text, number) in _rows(result)
    ]


def _time(milliseconds: int) -> datetime:
    return from_ms(milliseconds)


def _scalar(value: Any) -> float | str:
    return value if isinstance(value, str) else float(value)
