"""A gateway's report as numbers of a time series, and which of them are drawn."""

from datetime import UTC, datetime

import msgspec

from gateway.wire import DriverHealth, Health, Trouble
from server.clock import to_ms
from server.gateways.health import fields, point
from server.web.gateways.tracks import tracks

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
REPORT = Health(
    at_ms=to_ms(NOW) - 500,
    uptime_s=93.5,
    cpu_celsius=51.1,
    clock_offset_ms=-1.25,
    clock_trusted=False,
    alarm_depth=2,
    alarm_oldest_ms=to_ms(NOW) - 60_500,
    drivers=[
        DriverHealth(
            name="mqtt", running=True, restarts=1, readings=412, errors=3, last_error="王 13800138000"
        ),
        DriverHealth(name="modbus", running=False, restarts=2, readings=0, errors=7),
    ],
    troubles=[Trouble(source="王阿姨", reason="invalid_json", detail="13800138000", count=4, last_ms=1)],
    wear_percent=30.0,
    outputs=["siren"],
)


def test_a_report_becomes_numbers_and_no_words() -> None:
    told = fields(REPORT)
    assert all(type(value) is float for value in told.values())
    assert told["alarm_oldest_s"] == 60.0
    assert (told["data_oldest_s"], told["clock_trusted"], told["wear_percent"]) == (0.0, 0.0, 30.0)
    assert (told["errors.mqtt"], told["errors.modbus"], told["restarts"], told["troubles"]) == (3, 7, 3, 1)
    assert "memory_mb" not in told  # the machine does not tell


def test_it_stands_at_the_gateways_own_time_unless_that_is_impossible() -> None:
    one = point("gw-1", "area", REPORT, now=NOW)
    assert (one.family, one.gateway, one.area, one.device) == ("gateway", "gw-1", "area", "")
    assert one.time_ms == REPORT.at_ms
    for wrong in (5, to_ms(NOW) + 90_000_000):
        moved = msgspec.structs.replace(REPORT, at_ms=wrong)
        assert point("gw-1", "area", moved, now=NOW).time_ms == to_ms(NOW)


def test_what_the_machine_tells_is_drawn_in_both_languages() -> None:
    drawn = [track.point for track in tracks("gw-1", REPORT, "zh")]
    assert drawn == [track.point for track in tracks("gw-1", REPORT, "en")]
    assert "cpu_celsius" in drawn
    assert "memory_mb" not in drawn
    assert drawn[-2:] == ["errors.mqtt", "errors.modbus"]
    assert {track.position for track in tracks("gw-1", REPORT, "zh")} == {"gateway/gw-1"}
    old = msgspec.json.decode(b'{"at_ms": 1, "uptime_s": 2, "cpu_celsius": 3.5}', type=Health)
    assert "wear_percent" not in [track.point for track in tracks("gw-1", old, "zh")]
    assert len(tracks("gw-1", None, "zh")) > 5  # nothing was told yet: all that may come
