"""Takes documents out of what was posted: JSON, XML, or the parts of a form that are one of these.

Rules: pieces of a body go in as they come, documents come out. Pictures are never kept: their bytes are
dropped piece by piece, so a face is in memory no longer than its piece of the message. What is kept is
bounded. A form that breaks off, or turns to garbage after its first document, still gives that document: a
fever must not be lost with a picture.
"""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol
from xml.etree import ElementTree as ET

import msgspec
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from edge.core.envelopes import EnvelopeError, EnvelopeFault

MAXIMUM_DOCUMENT_BYTES: Final = 1_048_576
"""Kept of one body. The largest pushes of platforms, batches of some hundred messages, stay below."""
MAXIMUM_XML_BYTES: Final = 65_536
"""An event has 3 kB. Costly XML of the size above would hold up the gateway for half a second."""
MOST_PARTS: Final = 32
"""A face terminal sends a document and up to four pictures."""
MOST_HEADER_BYTES: Final = 4_096
DEEPEST: Final = 16
"""Elements inside one another; EventNotificationAlert has four."""
_BOUNDARY_BYTES: Final = 200


class Form(StrEnum):
    """How a body is written."""

    JSON = "json"
    XML = "xml"
    PARTS = "parts"
    GUESSED = "guessed"  # no type, or plain text: its first character tells


@dataclass(frozen=True, slots=True)
class BodyType:
    """What a Content-Type header says. `boundary` parts the parts."""

    form: Form
    boundary: bytes = b""


class Body(Protocol):
    """A body as it comes in."""

    def feed(self, piece: bytes) -> None:
        """Take the next piece. Raises EnvelopeError for what cannot be read or is too much."""

    def documents(self) -> list[Any]:
        """What it says, once all of it is there. Raises EnvelopeError."""


def body_type(header: str | None) -> BodyType | None:
    """The type that a Content-Type header names; None for one that is not taken here (415)."""
    if header is None or not header.strip():
        return BodyType(Form.GUESSED)
    try:
        name, options = parse_options_header(header)
    except (UnicodeError, ValueError):
        return None
    kind = name.decode("latin-1").lower()
    if kind.startswith("multipart/"):
        boundary = options.get(b"boundary", b"")
        return BodyType(Form.PARTS, boundary) if 0 < len(boundary) <= _BOUNDARY_BYTES else None
    form = _form_of(kind)
    return None if form is None else BodyType(form)


def open_body(kind: BodyType) -> Body:
    """An empty body of that type, ready to be fed."""
    return PartsBody(kind.boundary) if kind.form is Form.PARTS else WholeBody(kind.form)


class WholeBody:
    """A body that is one document."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._bytes = bytearray()

    def feed(self, piece: bytes) -> None:
        """Take the next piece."""
        self._bytes += piece
        _check_size(len(self._bytes))

    def documents(self) -> list[Any]:
        """The document, alone."""
        return [read_document(bytes(self._bytes), self._form)]


class PartsBody:
    """A form. Parts are documents or pictures; only documents are kept."""

    def __init__(self, boundary: bytes) -> None:
        self._kept: list[tuple[Form, bytearray]] = []
        self._total = 0
        self._parts = 0
        self._keeps = False
        self._over = False
        self._name = bytearray()
        self._value = bytearray()
        self._headers: dict[str, str] = {}
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
            },
        )

    def feed(self, piece: bytes) -> None:
        """Take the next piece; garbage ends the form."""
        if self._over:
            return
        try:
            self._parser.write(piece)
        except MultipartParseError:
            self._over = True

    def documents(self) -> list[Any]:
        """All documents of the form. Parts that hold none are left out while another one does."""
        found: list[Any] = []
        problem: EnvelopeError | None = None
        for form, content in self._kept:
            try:
                found.append(read_document(bytes(content), form))
            except EnvelopeError as error:
                problem = problem or error
        if not found:
            raise problem or EnvelopeError(EnvelopeFault.SHAPE, "form", "no part of it is JSON or XML")
        return found

    def _on_part_begin(self) -> None:
        self._parts += 1
        self._headers = {}
        self._keeps = False
        if self._parts > MOST_PARTS:
            raise MultipartParseError("too many parts")

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]
        self._check_header()

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check_header()

    def _check_header(self) -> None:
        if len(self._name) + len(self._value) > MOST_HEADER_BYTES:
            raise MultipartParseError("a header is too long")

    def _on_header_end(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = self._value.decode("latin-1")
        self._name.clear()
        self._value.clear()

    def _on_headers_finished(self) -> None:
        form = _part_form(self._headers)
        if form is not None:
            self._keeps = True
            self._kept.append((form, bytearray()))

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._keeps:
            self._total += end - start
            _check_size(self._total)
            self._kept[-1][1].extend(data[start:end])


def read_document(content: bytes, form: Form) -> Any:
    """The document in `content`. Raises EnvelopeError."""
    text = content.removeprefix(codecs.BOM_UTF8).strip(b" \t\r\n\0")  # some send the end of a C text too
    if form is Form.GUESSED:
        form = Form.XML if text.startswith(b"<") else Form.JSON
    return read_xml(text) if form is Form.XML else _read_json(text)


def read_xml(content: bytes) -> dict[str, Any]:
    """An XML element as an object under its name: its children by name, the first of each; text where it has
    none. Namespaces and attributes are left out. Raises EnvelopeError, also for a document with a DTD."""
    if len(content) > MAXIMUM_XML_BYTES:
        raise EnvelopeError(
            EnvelopeFault.OVERSIZED, "document", f"more than {MAXIMUM_XML_BYTES} bytes of XML"
        )
    text = _text(content)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise EnvelopeError(EnvelopeFault.SHAPE, "document", "XML with a document type is not taken")
    try:
        root = ET.fromstring(text)  # noqa: S314 - it has no DTD
    except (ET.ParseError, ValueError) as error:
        raise EnvelopeError(EnvelopeFault.SHAPE, "document", f"no XML: {str(error)[:100]}") from None
    return {_local(root.tag): _element(root, DEEPEST)}


def _element(element: ET.Element, deepest: int) -> Any:
    if not deepest:
        raise EnvelopeError(EnvelopeFault.SHAPE, _local(element.tag)[:40], f"more than {DEEPEST} levels")
    found: dict[str, Any] = {}
    for child in element:
        found.setdefault(_local(child.tag), _element(child, deepest - 1))
    return found or (element.text or "").strip()


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _read_json(content: bytes) -> Any:
    text = _text(content)
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise EnvelopeError(EnvelopeFault.JSON, "document", str(error)[:100]) from None


def _text(content: bytes) -> str:
    """Some terminals write names in the national encoding: the names are not wanted, the fever is."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise EnvelopeError(EnvelopeFault.TEXT, "document", "neither UTF-8 nor GB 18030")


def _form_of(kind: str) -> Form | None:
    if kind in ("application/json", "text/json") or kind.endswith("+json"):
        return Form.JSON
    if kind in ("application/xml", "text/xml") or kind.endswith("+xml"):
        return Form.XML
    return Form.GUESSED if kind == "text/plain" else None


def _part_form(headers: Mapping[str, str]) -> Form | None:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and kind not in ("text/plain", "application/octet-stream"):
        return _form_of(kind)
    disposition = headers.get("content-disposition", "").lower()
    # A file without a type is a picture; a field without a type is a document.
    return None if "filename" in disposition else Form.GUESSED


def _check_size(size: int) -> None:
    if size > MAXIMUM_DOCUMENT_BYTES:
        raise EnvelopeError(
            EnvelopeFault.OVERSIZED,
            "document",
            f"more than the {MAXIMUM_DOCUMENT_BYTES} bytes allowed, pictures not counted",
        )
