"""How worn a flash memory is, by what the kernel shows of it."""

import pytest

from gateway.core.wear import worn_percent


@pytest.mark.parametrize(
    ("life_time", "pre_eol", "percent"),
    [
        ("0x01 0x01\n", "0x01\n", 10.0),
        ("0x02 0x04\n", "0x01\n", 40.0),
        ("0x02 0x02\n", "0x02\n", 80.0),
        ("0x09 0x0b\n", "0x03\n", 110.0),
        ("0x00 0x00\n", "0x00\n", None),
        ("0x00 0x00\n", "0x03\n", 90.0),
        ("", "", None),
        ("none of yours", "?", None),
    ],
)
def test_the_worst_that_is_told_counts(life_time: str, pre_eol: str, percent: float | None) -> None:
    assert worn_percent(life_time, pre_eol) == percent
