"""Both time-series stores answer the same questions alike."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from server.clock import to_ms
from server.errors import StoreUnavailableError
from server.timeseries.influx import InfluxStore, line
from server.timeseries.sqlite import SqliteStore
from server.timeseries.store import (
    Bucket,
    LatestValue,
    Point,
    StoredValue,
    TextValue,
    TimeSeriesStore,
    split,
)

T0 = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
FAMILIES = {"well": {"level", "tilt", "state", "battery"}, "fall": {"state"}}


def point(seconds: float, position: str = "w1", **fields: float | str) -> Point:
    """A reading some seconds after T0."""
    return kept(seconds, fields, position=position)


def kept(
    seconds: float, fields: dict[str, float | str], *, position: str = "w1", family: str = "well"
) -> Point:
    """The same, with fields of any name."""
    return Point(
        family=family,
        area="area 1",
        position=position,
        device="d,1=x",
        gateway="gw-1",
        time_ms=to_ms(T0 + timedelta(seconds=seconds)),
        fields=fields,
    )


@pytest.fixture(params=["sqlite", "influx"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TimeSeriesStore]:
    """An empty store of each kind."""
    opened: TimeSeriesStore
    if request.param == "sqlite":
        opened = SqliteStore(tmp_path / "readings.db")
    else:
        bucket = request.getfixturevalue("influx_bucket")
        opened = InfluxStore(url=bucket.url, bucket=bucket.name, org="sunwell", token=bucket.token)
    yield opened
    await opened.close()


async def test_the_latest_value_is_the_newest_by_device_time_not_by_arrival(store: TimeSeriesStore) -> None:
    await store.write([point(60, level=2.0)])
    await store.write([point(0, level=1.0, tilt=5.0)])
    assert await store.latest(FAMILIES, since=T0) == {
        "w1": [
            LatestValue("level", T0 + timedelta(seconds=60), 2.0),
            LatestValue("tilt", T0, 5.0),
        ]
    }


@pytest.mark.parametrize("others", [1, 300])
async def test_the_latest_values_of_some_positions_are_of_these_alone(
    store: TimeSeriesStore, others: int
) -> None:
    await store.write([point(60, position, level=2.0) for position in ("w1", "w2", 'it\'s "w3"')])
    wanted = ["w1", 'it\'s "w3"', *(f"none-{number}" for number in range(others))]
    assert set(await store.latest(FAMILIES, since=T0, positions=wanted)) == {"w1", 'it\'s "w3"'}
    assert await store.latest(FAMILIES, since=T0, positions=[]) == {}


async def test_values_from_before_since_are_not_latest(store: TimeSeriesStore) -> None:
    await store.write([point(-60, level=2.0), point(1, tilt=1.0)])
    assert await store.latest(FAMILIES, since=T0) == {
        "w1": [LatestValue("tilt", T0 + timedelta(seconds=1), 1.0)]
    }


async def test_texts_truth_values_and_statuses_come_back(store: TimeSeriesStore) -> None:
    fields = split({"state": '跌倒 "x"\\', "battery": True}, {"level": "error"})
    await store.write([kept(0, fields)])
    assert await store.latest(FAMILIES, since=T0) == {
        "w1": [
            LatestValue("battery", T0, 1.0),
            LatestValue("level", T0, "error", is_status=True),
            LatestValue("state", T0, '跌倒 "x"\\'),
        ]
    }


async def test_a_value_ends_a_status(store: TimeSeriesStore) -> None:
    await store.write([kept(0, split({}, {"level": "error"})), point(5, level=3.0)])
    (level,) = (await store.latest(FAMILIES, since=T0))["w1"]
    assert level == LatestValue("level", T0 + timedelta(seconds=5), 3.0)


async def test_a_series_comes_in_aligned_buckets(store: TimeSeriesStore) -> None:
    await store.write([point(s, level=float(s)) for s in range(30)])
    await store.write([point(5, position="other", level=99.0)])
    assert await store.series(
        family="well", position="w1", field="level", start=T0, end=T0 + timedelta(seconds=25), width_ms=10_000
    ) == [
        Bucket(T0, 4.5, 0.0, 9.0, 10),
        Bucket(T0 + timedelta(seconds=10), 14.5, 10.0, 19.0, 10),
        Bucket(T0 + timedelta(seconds=20), 22.0, 20.0, 24.0, 5),
    ]


async def test_the_same_reading_written_twice_is_one(store: TimeSeriesStore) -> None:
    for _ in range(2):
        await store.write([point(0, level=1.0)])
    (bucket,) = await store.series(
        family="well", position="w1", field="level", start=T0, end=T0 + timedelta(seconds=9), width_ms=10_000
    )
    assert bucket.count == 1


async def _states(
    store: TimeSeriesStore, *, limit: int = 10, field: str = "state"
) -> list[tuple[float, str]]:
    """What the store tells of a minute from T0 on: seconds after T0, and text."""
    values = await store.texts(
        family="well",
        position="w1",
        field=field,
        start=T0,
        end=T0 + timedelta(seconds=60),
        limit=limit,
    )
    assert all(isinstance(value, TextValue) for value in values)
    return [((value.time - T0).total_seconds(), value.text) for value in values]


async def test_states_come_in_order_led_by_the_one_in_force(store: TimeSeriesStore) -> None:
    said = {-7200: "none", -3600: "present", 0: '跌倒 "x"\\', 20.5: "fall", 59.999: "none", 60: "late"}
    await store.write([kept(s, split({"state": text}, {})) for s, text in reversed(said.items())])
    await store.write([kept(5, split({"state": "elsewhere"}, {}), position="other")])
    await store.write([kept(6, split({"state": "another family"}, {}), family="fall")])
    assert await _states(store) == [
        (-3600, "present"),
        (0, '跌倒 "x"\\'),
        (20.5, "fall"),
        (59.999, "none"),
    ]


async def test_truth_values_and_numbers_are_states_too(store: TimeSeriesStore) -> None:
    await store.write(
        [kept(s, split({"state": value}, {})) for s, value in ((-1, True), (1, False), (2, 2.5))]
    )
    assert await _states(store) == [(-1, "1"), (1, "0"), (2, "2.5")]


async def test_a_state_that_changed_its_type_is_told_whole(store: TimeSeriesStore) -> None:
    """A new firmware says a word where the old one gave a number."""
    await store.write([kept(s, split({"state": value}, {})) for s, value in ((1, 3), (2, "open"), (3, 4))])
    assert await _states(store) == [(1, "3"), (2, "open"), (3, "4")]


async def test_of_many_states_the_newest_are_told_and_none_seems_to_last(store: TimeSeriesStore) -> None:
    await store.write([kept(s, split({"state": f"s{s}"}, {})) for s in range(-1, 5)])
    assert await _states(store, limit=2) == [(3, "s3"), (4, "s4")]
    assert await _states(store, limit=5) == [(-1, "s-1"), *((s, f"s{s}") for s in range(5))]


async def test_where_nothing_happened_the_state_in_force_is_told(store: TimeSeriesStore) -> None:
    await store.write([kept(-5, split({"state": "none"}, {"level": "error"}))])
    assert await _states(store) == [(-5, "none")]
    assert await _states(store, field="level") == []
    assert await _states(store, field="a\"b'; DROP") == []


async def test_questions_about_nothing_get_nothing(store: TimeSeriesStore) -> None:
    assert await store.latest(FAMILIES, since=T0) == {}
    nothing = await store.series(
        family="well", position="'; DROP", field='a"b', start=T0, end=T0 + timedelta(1), width_ms=1_000
    )
    assert nothing == []
    await store.write([])
    await store.check()


async def test_an_absent_store_says_so(free_port: int) -> None:
    store = InfluxStore(url=f"http://127.0.0.1:{free_port}", bucket="b", org="o", token="t")
    with pytest.raises(StoreUnavailableError, match="does not answer"):
        await store.write([point(0, level=1.0)])
    with pytest.raises(StoreUnavailableError, match="does not answer"):
        await store.check()
    await store.close()


def test_a_line_escapes_what_the_protocol_means() -> None:
    assert line(kept(0, {"level": 1.5, "state.text": 'a"b\\c'})) == (
        "well,area=area\\ 1,device=d\\,1\\=x,gateway=gw-1,position=w1 "
        'level=1.5,state.text="a\\"b\\\\c" 1772352000000'
    )


async def test_a_large_batch_is_kept_whole(store: TimeSeriesStore) -> None:
    """A second of a city: far beyond the buffers of whatever stands before the store."""
    await store.write(
        [point(s, position=f"w{w}", level=s / 7, tilt=w / 3) for s in range(100) for w in range(100)]
    )
    latest = await store.latest(FAMILIES, since=T0)
    assert len(latest) == 100
    assert latest["w42"][0] == LatestValue("level", T0 + timedelta(seconds=99), 99 / 7)


async def test_all_that_is_kept_comes_in_portions_of_whole_moments(store: TimeSeriesStore) -> None:
    first = kept(0, {"level": 1.25, "state.text": "open", "tilt.status": "bad"})
    others = [point(seconds, level=float(seconds)) for seconds in range(1, 6)]
    await store.write([first, *others, point(-1, level=9.0), point(3, "w2", level=7.0)])
    await store.write([kept(2, {"state.text": "x"}, family="fall")])
    found: list[StoredValue] = []
    start, asked = T0, 0
    while portion := await store.stored(
        family="well", position="w1", start=start, end=T0 + timedelta(seconds=5), limit=4
    ):
        found += portion
        start = portion[-1].time + timedelta(milliseconds=1)
        asked += 1
    assert asked >= 2
    assert found == [
        StoredValue(T0, "level", 1.25),
        StoredValue(T0, "state.text", "open"),
        StoredValue(T0, "tilt.status", "bad"),
        *(StoredValue(T0 + timedelta(seconds=n), "level", float(n)) for n in range(1, 5)),
    ]
    nothing = await store.stored(family="kiosk", position="w1", start=T0, end=start, limit=4)
    assert nothing == []
