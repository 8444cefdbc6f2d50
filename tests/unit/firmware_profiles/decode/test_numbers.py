"""Numbers out of bytes."""

import pytest

from firmware_profiles.decode.numbers import unpack
from firmware_profiles.layouts import Order


@pytest.mark.parametrize(
    ("kind", "data", "order", "number"),
    [
        ("u8", "ff", "big", 255),
        ("i8", "ff", "big", -1),
        ("u16", "0102", "big", 258),
        ("u16", "0102", "little", 513),
        ("i16", "8000", "big", -32768),
        ("u24", "010000", "big", 65536),
        ("u24", "010000", "little", 1),
        ("i24", "ffffff", "little", -1),
        ("u32", "ffffffff", "big", 4294967295),
        ("i32", "ffffffff", "little", -1),
        ("u64", "0000000000000001", "big", 1),
        ("i64", "ffffffffffffffff", "little", -1),
        ("f32", "c1460000", "big", -12.375),
        ("f32", "cdcccc3d", "little", 0.1),
        ("f64", "3fb999999999999a", "big", 0.1),
        ("bcd16", "0209", "big", 209),
        ("bcd16", "0902", "little", 209),
        ("bcd32", "12345678", "big", 12345678),
        ("bcd16", "020a", "big", None),
        ("f32", "7fc00000", "big", None),
        ("f32", "7f800000", "big", None),
    ],
)
def test_unpack(kind: str, data: str, order: Order, number: float | None) -> None:
    assert unpack(kind, bytes.fromhex(data), order) == number
