"""Printed codes, as their makers print them."""

import pytest

from server.commissioning.codes import CodeKind, label, parse
from server.errors import InvalidError


@pytest.mark.parametrize(
    ("text", "kind", "key"),
    [
        ("LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122:OAABB:SYYWWNNNNN", "lorawan", "aabbccddeeff0011"),
        ("lw:d0:1122334455667788:aabbccddeeff0011:aabb1122", "lorawan", "aabbccddeeff0011"),
        ("Z:00124B0014D0A1B2$I:83FED3407A939723A5C639B26916D505C3B5", "zigbee", "00124b0014d0a1b2"),
        ("G$M:69775$S:680S00003915$D:0000000017B2335C%Z$A:54EF4410001D0F8A$I:3313A005E177A647FC", "zigbee",
         "54ef4410001d0f8a"),
        ("0x00124b0014d0a1b2", "eui", "00124b0014d0a1b2"),
        ("24:E1:24:FF:FF:FF:00:01", "eui", "24e124ffffff0001"),
        ("24-e1-24-ff-ff-ff-00-01", "eui", "24e124ffffff0001"),
        ("sunwell:position:home-3-2-501-bath", "position", "home-3-2-501-bath"),
        ("SUNWELL:device:dev-1", "device", "dev-1"),
        (" 6136B41570090022 ", "eui", "6136b41570090022"),
        ("SN 2024/0815", "serial", "SN 2024/0815"),
    ],
)  # fmt: skip
def test_codes_are_known(text: str, kind: str, key: str) -> None:
    code = parse(text)
    assert (code.kind, code.id) == (kind, key)


def test_a_lorawan_code_brings_its_serial_and_maker() -> None:
    code = parse("LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122:OAABBCC:SYYWWNNNNNN:PFOO")
    assert (code.serial, code.maker) == ("YYWWNNNNNN", "AABB1122")


@pytest.mark.parametrize("kind", [CodeKind.POSITION, CodeKind.DEVICE])
def test_our_labels_are_read_back(kind: CodeKind) -> None:
    assert parse(label(kind, "a.B-c_1")).id == "a.B-c_1"


@pytest.mark.parametrize(
    "text",
    ["", "  ", "x" * 513, "a\nb", "LW:D0:1:2", "LW:D1:1122334455667788:AABBCCDDEEFF0011:AABB1122",
     "sunwell:position:a/b", "sunwell:resident:1", "y" * 101],
)  # fmt: skip
def test_what_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(InvalidError):
        parse(text)
