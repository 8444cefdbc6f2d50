"""Requests and answers as bytes. Known frames are those of the Modbus specification and of manuals."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.modbus.frames import (
    Exchange,
    FramingError,
    RtuFraming,
    TcpFraming,
    checksum,
    exception_of,
    reading,
    values_of,
    writing_coils,
    writing_registers,
)

READ = reading(1, 3, 0, 2)
ANSWER = bytes.fromhex("03040006000b")


def rtu(unit: int, answer: bytes) -> bytes:
    body = bytes((unit,)) + answer
    return body + checksum(body)


def tcp(number: int, unit: int, answer: bytes) -> bytes:
    return struct.pack(">HHHB", number, 0, len(answer) + 1, unit) + answer


@pytest.mark.parametrize(
    ("exchange", "frame"),
    [
        (reading(1, 3, 2, 3), "01030002 0003 a40b"),
        (reading(0x11, 1, 0x13, 0x25), "110100130025 0e84"),
        (writing_registers(0x11, 1, (3,), single=True), "110600010003 9a9b"),
        (writing_registers(0x11, 1, (0x0A, 0x0102), single=False), "111000010002 04 000a0102 c6f0"),
        (writing_coils(0x11, 0xAC, (1,)), "110500acff00 4e8b"),
        (writing_coils(0x11, 0x13, (1, 0, 1, 1, 0, 0, 1, 1, 1, 0)), "110f0013000a02cd01 bf0b"),
    ],
)
def test_requests_are_those_of_the_specification(exchange: Exchange, frame: str) -> None:
    assert RtuFraming().begin(exchange).hex() == frame.replace(" ", "")
    assert TcpFraming().begin(exchange)[6:].hex() == frame.replace(" ", "")[:-4]


def test_values_are_registers_or_bits() -> None:
    assert values_of(ANSWER, 2) == (6, 11)
    assert values_of(bytes.fromhex("0102cd01"), 10) == (1, 0, 1, 1, 0, 0, 1, 1, 1, 0)
    assert exception_of(bytes.fromhex("8302")) == 2
    assert exception_of(ANSWER) is None


@given(st.data())
def test_a_tcp_answer_is_found_however_it_is_cut_and_late_ones_are_not(data: st.DataObject) -> None:
    framing = TcpFraming()
    framing.begin(READ)
    framing.begin(READ)
    stream = tcp(1, 1, bytes.fromhex("030400630063")) + tcp(2, 1, ANSWER) + tcp(2, 1, ANSWER)
    found = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        answer = framing.feed(stream[:size])
        stream = stream[size:]
        if answer is not None:
            found.append(answer)
    assert found == [ANSWER]


@pytest.mark.parametrize(
    ("unit", "answer"),
    [
        (2, ANSWER),  # another unit
        (1, b"\x04" + ANSWER[1:]),  # another function
        (1, ANSWER[:-2]),  # its length says more
        (1, bytes.fromhex("03020006")),  # fewer registers
        (1, bytes.fromhex("0306000600060006")),
        (1, bytes.fromhex("8402")),  # another function's exception
        (1, bytes.fromhex("830200")),
    ],
)
def test_what_does_not_fit_the_request_is_no_answer(unit: int, answer: bytes) -> None:
    over_tcp, over_rtu = TcpFraming(), RtuFraming()
    over_tcp.begin(READ)
    over_rtu.begin(READ)
    assert over_tcp.feed(tcp(1, unit, answer)) == b""
    assert over_rtu.feed(rtu(unit, answer)) is None
    assert over_rtu.heard
    assert over_rtu.feed(rtu(1, ANSWER)) == ANSWER


def test_what_is_no_modbus_tcp_ends_the_connection() -> None:
    framing = TcpFraming()
    framing.begin(READ)
    with pytest.raises(FramingError):
        framing.feed(b"HTTP/1.1 400 Bad Request")


@given(st.binary(max_size=40), st.lists(st.integers(1, 30)), st.sampled_from([ANSWER, bytes.fromhex("8304")]))
def test_an_rtu_answer_is_found_behind_garbage_however_it_is_cut(
    garbage: bytes, cuts: list[int], answer: bytes
) -> None:
    framing = RtuFraming()
    framing.begin(READ)
    stream = garbage + rtu(1, answer)
    found = None
    for size in [*cuts, len(stream)]:
        found = found or framing.feed(stream[:size])
        stream = stream[size:]
    assert found == answer


def test_what_came_before_the_request_is_no_answer_to_it() -> None:
    framing = RtuFraming()
    framing.begin(READ)
    assert framing.feed(rtu(1, ANSWER)[:5]) is None
    framing.begin(READ)
    assert framing.feed(rtu(1, ANSWER)[5:]) is None
    assert framing.feed(rtu(1, ANSWER)) == ANSWER
    assert framing.feed(rtu(1, ANSWER)) is None  # nobody waits for it


def test_an_echo_is_passed_over_and_is_no_consent_to_a_write() -> None:
    write = writing_registers(1, 5, (9,), single=True)
    framing = RtuFraming()
    assert framing.feed(b"") is None
    quiet = RtuFraming()
    assert quiet.feed(quiet.begin(write)) == write.request  # a line that does not echo: the answer
    sent = framing.begin(READ)
    assert framing.feed(sent[:3]) is None
    assert framing.feed(sent[3:]) is None
    assert framing.heard is False  # a dead unit on a line that echoes is silent
    sent = framing.begin(READ)
    assert framing.feed(sent + rtu(1, ANSWER)) == ANSWER
    sent = framing.begin(write)
    assert framing.feed(sent) is None
    assert framing.feed(sent) == write.request


def test_an_echo_that_looks_like_an_answer_is_passed_over() -> None:
    bits = reading(1, 1, 0x0300, 20)  # its request reads like three bytes of bits
    framing = RtuFraming()
    sent = framing.begin(bits)
    assert framing.feed(sent) is None
    assert framing.feed(rtu(1, bytes.fromhex("0103cd6b02"))) == bytes.fromhex("0103cd6b02")


@given(st.lists(st.binary(max_size=600), max_size=6), st.sampled_from([1, 2, 3, 4]), st.integers(1, 125))
def test_no_bytes_break_a_framing(chunks: list[bytes], fc: int, quantity: int) -> None:
    exchange = reading(1, fc, 0, quantity)
    rtu_framing, tcp_framing = RtuFraming(), TcpFraming()
    rtu_framing.begin(exchange)
    tcp_framing.begin(exchange)
    for chunk in chunks:
        answer = rtu_framing.feed(chunk)
        if answer and exception_of(answer) is None:
            assert len(values_of(answer, quantity)) == quantity
    try:
        for chunk in chunks:
            tcp_framing.feed(chunk)
    except FramingError:
        pass
