"""What of a sensor's values is life at home."""

from datetime import UTC, datetime, timedelta

from firmware_profiles import load_catalogue
from server.rhythm.signs import How, Sign, active_at, active_in, active_now, litres, signs_of
from server.timeseries.store import Bucket, TextValue

T0 = datetime(2026, 3, 1, tzinfo=UTC)
METER = Sign(point="water_volume", kind="water", how=How.GROWS, numeric=True, litres=1000.0)


def at(minutes: int) -> datetime:
    """Some minutes after T0."""
    return T0 + timedelta(minutes=minutes)


def told(minutes: int, least: float, most: float | None = None) -> Bucket:
    """A bucket with these values."""
    most = least if most is None else most
    return Bucket(at(minutes), (least + most) / 2, least, most, 2)


def test_every_packaged_sensor_of_a_home_has_its_signs() -> None:
    catalogue = load_catalogue()
    kinds = {name: {sign.kind for sign in signs_of(profile)} for name, profile in catalogue.items()}
    assert kinds["sonoff-snzb-06p"] == {"motion"}
    assert kinds["aqara-mccgq11lm"] == {"door"}
    assert kinds["milesight-vs373"] == {"motion", "bed"}
    assert kinds["tuya-ts0215a-sos"] == set()  # a press is no daily life


def test_a_radar_that_goes_on_seeing_somebody_sees_no_activity() -> None:
    (sign,) = signs_of(load_catalogue()["sonoff-snzb-06p"])
    assert active_now(sign, 1.0, 0.0)
    assert not active_now(sign, 1.0, 1.0)
    assert not active_now(sign, 1.0, None)
    told_on = [told(0, 1), told(5, 1), told(10, 0, 1), told(15, 0), told(20, 1)]
    assert active_in(sign, told_on) == [at(10), at(20)]


def test_a_fall_is_no_activity() -> None:
    sign = next(s for s in signs_of(load_catalogue()["owon-fds315"]) if s.point == "posture")
    texts = [TextValue(at(n), text) for n, text in enumerate(("sitting", "falling", "falling", "sitting"))]
    assert active_at(sign, texts) == [at(3)]


def test_a_meter_that_drips_is_nobody() -> None:
    read = [told(0, 10.0), told(5, 10.0002), told(10, 10.005), told(15, 0.0), told(20, 0.002)]
    assert active_in(METER, read) == [at(10), at(20)]
    assert [round(amount, 1) for _, amount in litres(METER, read)] == [0.0, 0.2, 4.8, 0.0, 2.0]
