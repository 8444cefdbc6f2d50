"""Which store a setting means."""

from pathlib import Path
from urllib.parse import urlsplit

from server.errors import InvalidError
from server.timeseries.sqlite import SqliteStore
from server.timeseries.store import TimeSeriesStore


def open_store(url: str, *, org: str, token: str) -> TimeSeriesStore:
    """The store of `sqlite:///FILE` or `influxdb+http[s]://HOST:PORT/BUCKET`. Raises InvalidError."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return SqliteStore(
            Path(parts.path[1:] if parts.path.startswith("//") else parts.path.removeprefix("/"))
        )
    if parts.scheme in ("influxdb+http", "influxdb+https") and parts.path.strip("/"):
        from server.timeseries.influx import InfluxStore  # late: its client takes long to load

        return InfluxStore(
            url=f"{parts.scheme.removeprefix('influxdb+')}://{parts.netloc}",
            bucket=parts.path.strip("/"),
            org=org,
            token=token,
        )
    raise InvalidError(f"time series {url!r}: give sqlite:///FILE or influxdb+http://HOST:PORT/BUCKET")
