"""Documents out of bodies: whole, in pieces, broken off, and with pictures that nobody may keep."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.envelopes import EnvelopeError, EnvelopeFault
from edge.core.http_documents import (
    MAXIMUM_DOCUMENT_BYTES,
    BodyType,
    Form,
    body_type,
    open_body,
    read_xml,
)

DOCUMENT = {"eventType": "AccessControllerEvent", "n": 1}
PICTURE = b"\xff\xd8 a face \xff\xd9"
FORM = (
    b"--B\r\nContent-Disposition: form-data; name=\"event_log\"\r\nContent-Type: application/json\r\n\r\n"
    + json.dumps(DOCUMENT).encode()
    + b'\r\n--B\r\nContent-Disposition: form-data; name="Picture"; filename="a.jpg"\r\n'
    + b"Content-Type: image/jpeg\r\nContent-ID: 1\r\n\r\n"
    + PICTURE
    + b"\r\n--B--\r\n"
)  # fmt: skip


def read(header: str | None, *pieces: bytes) -> list[Any]:
    kind = body_type(header)
    assert kind is not None
    body = open_body(kind)
    for piece in pieces:
        body.feed(piece)
    return body.documents()


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("application/json", Form.JSON),
        ("application/json; charset=utf-8", Form.JSON),
        ("application/vnd.x+json", Form.JSON),
        ("text/xml", Form.XML),
        ('application/xml; charset="UTF-8"', Form.XML),
        ("multipart/form-data; boundary=B", Form.PARTS),
        ('multipart/mixed; boundary="B"', Form.PARTS),
        ("text/plain", Form.GUESSED),
        (None, Form.GUESSED),
        ("multipart/form-data", None),
        ("application/x-www-form-urlencoded", None),
        ("image/jpeg", None),
    ],
)
def test_the_types_that_are_taken(header: str | None, form: Form | None) -> None:
    kind = body_type(header)
    assert (None if kind is None else kind.form) == form


@pytest.mark.parametrize("cut_at", range(0, len(FORM), 7))
def test_a_form_may_come_in_any_pieces(cut_at: int) -> None:
    assert read("multipart/form-data; boundary=B", FORM[:cut_at], FORM[cut_at:]) == [DOCUMENT]


def test_byte_by_byte() -> None:
    pieces = [FORM[at : at + 1] for at in range(len(FORM))]
    assert read("multipart/form-data; boundary=B", *pieces) == [DOCUMENT]


def test_a_form_that_breaks_off_in_the_picture_still_says_the_event() -> None:
    for end in range(FORM.index(PICTURE), len(FORM)):
        assert read("multipart/form-data; boundary=B", FORM[:end]) == [DOCUMENT]


def test_no_byte_of_a_picture_is_kept() -> None:
    body = open_body(BodyType(Form.PARTS, b"B"))
    body.feed(FORM)
    assert PICTURE not in repr(vars(body)).encode("latin-1", "replace")
    assert body.documents() == [DOCUMENT]


def test_a_part_without_a_type_is_a_document_unless_it_is_a_file() -> None:
    plain = FORM.replace(b"Content-Type: application/json\r\n", b"")
    assert read("multipart/form-data; boundary=B", plain) == [DOCUMENT]
    file = plain.replace(b'name="event_log"', b'name="event_log"; filename="a"')
    with pytest.raises(EnvelopeError, match="no part of it"):
        read("multipart/form-data; boundary=B", file)


def test_too_much_is_refused_while_it_comes() -> None:
    body = open_body(BodyType(Form.JSON))
    body.feed(b"x" * MAXIMUM_DOCUMENT_BYTES)
    with pytest.raises(EnvelopeError) as caught:
        body.feed(b"x")
    assert caught.value.fault is EnvelopeFault.OVERSIZED


@pytest.mark.parametrize("content", [b'\xef\xbb\xbf{"a": 1}', b'\r\n{"a": 1}\x00', b' {"a": 1}\n'])
def test_what_firmware_puts_around_a_document(content: bytes) -> None:
    assert read("application/json", content) == [{"a": 1}]
    in_a_form = FORM.replace(json.dumps(DOCUMENT).encode(), content)
    assert read("multipart/form-data; boundary=B", b"\r\n" + in_a_form) == [{"a": 1}]


def test_names_in_the_national_encoding_lose_nothing() -> None:
    content = '{"name": "王芳", "currTemperature": 38.2}'.encode("gb18030")
    (document,) = read("application/json", content)
    assert document["currTemperature"] == 38.2


def test_xml_becomes_an_object() -> None:
    found = read_xml(b'<A xmlns="urn:x" v="2"><b>1</b><c><d/></c><b>2</b></A>')
    assert found == {"A": {"b": "1", "c": {"d": ""}}}


@pytest.mark.parametrize(
    "content",
    [
        b"<a><b></a>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        "<!DOCTYPE a><a/>".encode("utf-16"),
        b"<a>" * 40 + b"</a>" * 40,
        b"<a>" * 300_000,
        b"",
    ],
)
def test_xml_that_is_refused(content: bytes) -> None:
    with pytest.raises(EnvelopeError):
        read_xml(content)


HEADERS = st.sampled_from(
    [None, "application/json", "text/xml", "multipart/form-data; boundary=B", "multipart/x; boundary=--"]
)
PIECES = st.lists(
    st.one_of(
        st.binary(max_size=80),
        st.sampled_from([FORM, b"--B\r\n", b"\r\n--B--", b"Content-Type: text/xml\r\n\r\n", b"<a>", b"[{"]),
    ),
    max_size=8,
)


@given(header=HEADERS, pieces=PIECES)
def test_any_body_gives_documents_or_an_envelope_error(header: str | None, pieces: list[bytes]) -> None:
    try:
        assert isinstance(read(header, *pieces), list)
    except EnvelopeError as error:
        assert str(error)  # noqa: PT017 - either is well


@given(header=st.text(max_size=60))
def test_any_header_is_a_type_or_none(header: str) -> None:
    assert body_type(header) is None or body_type(header) == body_type(header)


@given(content=st.text(max_size=200).map(lambda text: f"<a>{text}</a>".encode("utf-8", "replace")))
def test_any_xml_is_read_or_refused(content: bytes) -> None:
    try:
        assert set(read_xml(content)) == {"a"}
    except EnvelopeError as error:
        assert str(error)  # noqa: PT017 - either is well
