"""What goes into the decoder and what comes out of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from firmware_profiles.layouts import Steps

Value = float | int | bool | str
Raw = float | int | bool | str | None
"""A value as it stood in the payload; None where its bytes are no value of their type."""

MAXIMUM_JSON_BYTES: Final = 1_048_576
"""Larger documents are refused unread: the largest known ones are face terminals' events with a picture."""

MAXIMUM_BINARY_BYTES: Final = 4_096
"""Larger frames are refused unread: LoRaWAN carries 242 bytes, and a frame is read byte by byte."""

MAXIMUM_LORAWAN_BYTES: Final = 242
"""The longest application payload of LoRaWAN (EU868 at its fastest rate): what a codec is given at most."""


class RefusalReason(StrEnum):
    """Why a payload gives nothing at all."""

    WRONG_PAYLOAD = "wrong_payload"  # registers for a message profile, or the other way round
    EMPTY = "empty"
    TOO_LONG = "too_long"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    UNKNOWN_PORT = "unknown_port"
    UNKNOWN_LAYOUT = "unknown_layout"
    TRUNCATED = "truncated"
    NO_VALUES = "no_values"  # readable, but nothing in it is of this profile
    CODEC_REFUSED = "codec_refused"  # the codec's own answer: it does not know this payload
    CODEC_FAILED = "codec_failed"  # the codec broke a limit or itself, or can't be run here


class Refusal(Exception):  # noqa: N818  # a refusal is an answer: the payload is to be kept and shown
    """The payload can't be read with this profile. Carries a reason for counting and a message for people."""

    def __init__(self, reason: RefusalReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True)
class MessagePayload:
    """One message: its bytes, its LoRaWAN port where it came with one, and when it was received: the only
    clock that a codec sees."""

    body: bytes
    port: int | None = None
    received_ms: int | None = None


class Registers(Mapping[tuple[int, int], int]):
    """What a poll read: the `words` at these `places` (function code and address). A table of them is made
    only for who looks into it: a plan of the decoder does not."""

    __slots__ = ("_table", "places", "words")

    def __init__(self, places: tuple[tuple[int, int], ...], words: tuple[int, ...]) -> None:
        self.places = places
        self.words = words
        self._table: dict[tuple[int, int], int] | None = None

    def __getitem__(self, place: tuple[int, int]) -> int:
        return self._by_place()[place]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self._by_place())

    def __len__(self) -> int:
        return len(self._by_place())

    def __bool__(self) -> bool:
        return bool(self.places)

    def _by_place(self) -> dict[tuple[int, int], int]:
        if self._table is None:
            self._table = dict(zip(self.places, self.words, strict=True))
        return self._table


@dataclass(frozen=True, slots=True)
class RegisterPayload:
    """Registers (0 to 65535) or bits (0 or 1) by function code and address; a part of them is enough."""

    values: Mapping[tuple[int, int], int]


Payload = MessagePayload | RegisterPayload


@dataclass(frozen=True, slots=True)
class Sample:
    """Values of one moment. `status` says by point why there is no value; `bad` names the points outside
    their range. `time_ms` and `key` are the device's own, where it has them."""

    points: Mapping[str, Value]
    status: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    bad: frozenset[str] = frozenset()
    time_ms: int | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a payload says: at least one sample. A sample without points says that the device is alive.
    `notes` name parts of the payload that could not be read."""

    samples: tuple[Sample, ...]
    notes: tuple[str, ...] = ()


class RawField(NamedTuple):
    """A field as read: `at` is its place, a byte offset and length or the text of a path or address."""

    name: str
    raw: Raw
    steps: Steps
    at: str | tuple[int, int]


class RawSample(NamedTuple):
    """Fields that belong to one moment."""

    fields: list[RawField]


class RawRead(NamedTuple):
    """What a layout found in a payload: `layout` names the frame, for people."""

    samples: list[RawSample]
    notes: list[str]
    layout: str
