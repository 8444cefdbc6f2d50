"""The clock's offset from the words of timesyncd and chrony."""

import pytest

from gateway.core.timesync import from_chrony, from_timesyncd

TIMESYNCD = """       Server: 203.0.113.7 (time.example)
Poll interval: 34min 8s (min: 32s; max 34min 8s)
         Leap: normal
      Version: 4
      Stratum: 2
    Precision: 1us (-25)
Root distance: 21.8ms (max: 5s)
       Offset: {offset}
        Delay: 35.8ms
       Jitter: 3.6ms
 Packet count: 42
    Frequency: +3.1ppm
"""
CHRONY = """Reference ID    : CB007107 (203.0.113.7)
Stratum         : 3
System time     : {offset} of NTP time
Last offset     : -0.000000769 seconds
Leap status     : {leap}
"""


@pytest.mark.parametrize(
    ("said", "ahead_ms"),
    [
        ("+7.135ms", -7.135),
        ("-7.135ms", 7.135),
        ("-15us", 0.015),
        ("+1.5s", -1_500.0),
        ("-2min 3.5s", 123_500.0),
        ("+1d 2h", -93_600_000.0),
        ("-1.5 fortnights", None),
    ],
)
def test_timesyncd_tells_the_servers_time_minus_ours(said: str, ahead_ms: float | None) -> None:
    assert from_timesyncd(TIMESYNCD.format(offset=said)) == ahead_ms


def test_before_any_server_has_answered_nobody_knows() -> None:
    assert from_timesyncd(" Server: n/a (time.example)\n Packet count: 0\n") is None
    assert from_timesyncd("") is None
    assert from_chrony("506 Cannot talk to daemon\n") is None


def test_chrony_says_slow_or_fast() -> None:
    assert from_chrony(CHRONY.format(offset="0.001974000 seconds slow", leap="Normal")) == -1.974
    assert from_chrony(CHRONY.format(offset="2.500000000 seconds fast", leap="Normal")) == 2_500.0
    assert from_chrony(CHRONY.format(offset="0.000000000 seconds fast", leap="Not synchronised")) is None
