"""Payloads as people paste them."""

import pytest

from firmware_profiles import MessagePayload, Payload, RegisterPayload, parse_payload


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        ("01 75 64", MessagePayload(b"\x01\x75\x64", 85)),
        ("0x01,0x75", MessagePayload(b"\x01\x75", 85)),
        ("01:75-64", MessagePayload(b"\x01\x75\x64", 85)),
        (" 017564\n", MessagePayload(b"\x01\x75\x64", 85)),
        ("AXVk", MessagePayload(b"\x01\x75\x64", 85)),
        ('{"a": 1}', MessagePayload(b'{"a": 1}', 85)),
        ("3:2=2,1,0xFB2E", RegisterPayload({(3, 2): 2, (3, 3): 1, (3, 4): 64302})),
        ("4:0x10=7 3:1=8", RegisterPayload({(4, 16): 7, (3, 1): 8})),
    ],
)
def test_forms(text: str, payload: Payload) -> None:
    assert parse_payload(text, port=85) == payload


@pytest.mark.parametrize("text", ["hello!", "9:1=2", "3:1=", "0175 6"])
def test_what_is_none_of_them(text: str) -> None:
    with pytest.raises(ValueError, match="is none of: hexadecimal bytes, base64"):
        parse_payload(text)


def test_a_register_that_is_too_large() -> None:
    with pytest.raises(ValueError, match="a register holds 0 to 65535, got 70000"):
        parse_payload("3:1=70000")
