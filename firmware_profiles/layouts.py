"""How bytes, JSON or registers are laid out: the decode kinds of the profile language, as data.

A field whose name is a declared point writes that point. A name that begins with `_` stays inside the
decoder: other fields take their scale from it, or it becomes the time or the key. The steps from raw value
to point are always in the same order, see `Steps`.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from firmware_profiles.values import Duration, Model, Number, Scalar, TableKey, as_tuple

Kind = Literal[
    "u8", "i8", "u16", "i16", "u24", "i24", "u32", "i32", "u64", "i64", "f32", "f64", "bcd16", "bcd32"
]  # fmt: skip
"""How a number is stored. `bcd`: one decimal digit in each half byte; with one over 9 it is no number."""

Order = Literal["big", "little"]
WordOrder = Literal["ABCD", "CDAB", "BADC", "DCBA", "AB", "BA"]
"""Order of bytes within and between registers, as manuals write it; AB and BA are for single registers."""

MAXIMUM_SCRIPT_BYTES: Final = 131_072
"""The largest codec of the LoRaWAN device repository has 101 kB."""


class ParameterFactor(Model):
    """A number that belongs to the unit: what the installer measured, or its range from the type plate."""

    parameter: str
    times: Number = 1


class FieldFactor(Model):
    """A number that the device sends itself: another field, through `values` when that field is a code."""

    field: str
    values: dict[TableKey, Number] = Field(default_factory=dict)


def _factor_tag(value: Any) -> str:
    if isinstance(value, dict):
        return "parameter" if "parameter" in value else "field"
    return _FACTOR_TAGS.get(type(value), "number")


_FACTOR_TAGS: dict[type, str] = {ParameterFactor: "parameter", FieldFactor: "field"}

Factor = Annotated[
    Annotated[Number, Tag("number")]
    | Annotated[ParameterFactor, Tag("parameter")]
    | Annotated[FieldFactor, Tag("field")],
    Discriminator(_factor_tag),
]


class Span(Model):
    """A straight line: raw value `raw[0]` stands for `value[0]`, `raw[1]` for `value[1]`."""

    raw: Annotated[tuple[Number, Number], Field(strict=False)]
    value: Annotated[tuple[Factor, Factor], Field(strict=False)]


class Steps(Model):
    """From raw value to value, always in this order; steps that are not given are left out.

    1. `bits` cuts bits out of a whole number ("7:4", highest first, or one bit).
    2. `absent` lists raw values that mean "nothing to say": the field is left out.
    3. `sentinels` turns raw values into a status; such a value is never a number.
    4. One of: `enum` (a table; `otherwise` for the values that it does not list), `one_hot` (a name by the
       number of the only bit set), `invert` (a boolean turned round), or arithmetic:
       `strip` units off text, then `span`, or × `scale` (all its factors) + `offset`, then `below`
       (the factor minus the value: the level under a sensor mounted at that height).
    """

    bits: (
        Annotated[str, Field(pattern=r"^\d{1,2}(:\d{1,2})?$")] | Annotated[int, Field(ge=0, le=63)] | None
    ) = None
    absent: Annotated[tuple[Scalar, ...], Field(strict=False)] = ()
    sentinels: dict[TableKey, str] = Field(default_factory=dict)
    enum: dict[str, Scalar] = Field(default_factory=dict)
    otherwise: Scalar | None = None
    one_hot: dict[TableKey, str] = Field(default_factory=dict)
    invert: bool = False
    strip: Annotated[tuple[str, ...], BeforeValidator(as_tuple), Field(strict=False)] = ()
    span: Span | None = None
    scale: Annotated[tuple[Factor, ...], BeforeValidator(as_tuple), Field(strict=False)] = ()
    offset: Factor = 0
    below: Factor | None = None

    @cached_property
    def table(self) -> dict[str, Scalar]:
        """`enum` by the plain text of the raw value: 0x04 and 4 are the same key."""
        return {_plain(key): value for key, value in self.enum.items()}


def _plain(key: str) -> str:
    return str(int(key, 16)) if re.fullmatch("0x[0-9a-fA-F]+", key) else key


class ValueDerive(Steps):
    """Another value computed from a field that has been read."""

    kind: Literal["value"] = "value"
    from_: Annotated[str, Field(alias="from")]


class RouteDerive(Model):
    """The value of `from` goes to the point that `by` names: one frame format for several alarms."""

    kind: Literal["route"]
    from_: Annotated[str, Field(alias="from")]
    by: str
    to: dict[str, str]


class AnyOfDerive(Model):
    """True while `from` is any of `values`, else false: a state out of a code."""

    kind: Literal["any_of"]
    from_: Annotated[str, Field(alias="from")]
    values: Annotated[tuple[Scalar, ...], Field(strict=False, min_length=1)]


class FaultDerive(Model):
    """True while any of `from` was read and gave no value, false while one gave one: a sensor that answers
    but does not measure is neither silent nor watching, so a rule has to see it. What the installer has not
    set is no fault of the sensor."""

    kind: Literal["fault"]
    from_: Annotated[
        tuple[str, ...], BeforeValidator(as_tuple), Field(alias="from", strict=False, min_length=1)
    ]


class CompareDerive(Model):
    """True while the number in `from` stands `above`, `below`, `at_least` or `at_most` a limit, else false:
    exactly one of the four."""

    kind: Literal["compare"]
    from_: Annotated[str, Field(alias="from")]
    above: Number | None = None
    below: Number | None = None
    at_least: Number | None = None
    at_most: Number | None = None

    @model_validator(mode="after")
    def _one_limit(self) -> "CompareDerive":
        limits = (self.above, self.below, self.at_least, self.at_most)
        if sum(limit is not None for limit in limits) != 1:
            raise ValueError("a comparison has one of above, below, at_least, at_most")
        return self


def _derive_tag(value: Any) -> str:
    kind = value.get("kind", "value") if isinstance(value, dict) else value.kind
    return kind if kind in ("value", "route", "any_of", "fault", "compare") else "value"


Derive = Annotated[
    Annotated[ValueDerive, Tag("value")]
    | Annotated[RouteDerive, Tag("route")]
    | Annotated[AnyOfDerive, Tag("any_of")]
    | Annotated[FaultDerive, Tag("fault")]
    | Annotated[CompareDerive, Tag("compare")],
    Discriminator(_derive_tag),
]


class TimeField(Model):
    """The device's own time: the field that holds it and how it counts. `zone` is for text without one."""

    field: str
    unit: Literal["s", "ms", "iso"] = "s"
    zone: Annotated[str, Field(pattern=r"^[+-]\d\d:\d\d$")] = "+00:00"


class Layout(Model):
    """What every decode kind has: derived values, the device's time, and the fields that name a message."""

    derive: dict[str, Derive] = Field(default_factory=dict)
    time: TimeField | None = None
    key: Annotated[tuple[str, ...], BeforeValidator(as_tuple), Field(strict=False)] = ()


class JsonField(Steps):
    """A value in a JSON document. `path` is `a.b[0]`, or a list of keys and numbers where keys hold dots."""

    path: str | Annotated[tuple[str | int, ...], Field(strict=False, min_length=1)]


class JsonLayout(Layout):
    """A JSON object. Empty text and null say nothing; text counts as a number where the point is one."""

    kind: Literal["json"]
    fields: Annotated[dict[str, JsonField], Field(min_length=1)]


@dataclass(frozen=True)
class CodecScript:
    """A script: its file's name, for people, and its text. `fresh` starts it anew for each payload."""

    name: str
    text: str
    fresh: bool = False

    @cached_property
    def key(self) -> str:
        """The same for the same text, whatever its name."""
        return blake2b(self.text.encode("utf-8", "replace"), digest_size=16).hexdigest()


class CodecLayout(Layout):
    """LoRaWAN bytes, decoded by an unmodified TS013 script in a sandbox; the fields are read from the `data`
    that it returns, as with `json`. `script` is a file beside the profile; its `text` travels with the
    document. `fresh` is for scripts that keep something from one payload to the next: it would come out as
    another device's."""

    kind: Literal["codec"]
    script: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.js$")]
    text: str = ""
    fresh: bool = False
    fields: Annotated[dict[str, JsonField], Field(min_length=1)]

    @cached_property
    def codec(self) -> CodecScript:
        """The script to run."""
        return CodecScript(self.script, self.text, self.fresh)


class ByteField(Steps):
    """A value `at` a byte offset (in its frame, item or group). A `version` has a number in each byte (03 00
    04 is 3.0.4), a `version_hex` has it as it is written (01 10 is 1.10), `version_nibbles` one in each half
    byte (15 is 1.5)."""

    at: Annotated[int, Field(ge=0)] = 0
    type: Kind | Literal["text", "version", "version_hex", "version_nibbles"] = "u8"
    length: Annotated[int, Field(ge=1, le=64)] | None = None
    order: Order | None = None


class FrameMatch(Model):
    """When a frame is this one. `bytes` maps an offset to the values that the byte may have."""

    port: Annotated[tuple[int, ...], BeforeValidator(as_tuple), Field(strict=False)] = ()
    length: Annotated[tuple[int, ...], BeforeValidator(as_tuple), Field(strict=False)] = ()
    minimum: int = 0
    bytes: dict[TableKey, Annotated[tuple[int, ...], BeforeValidator(as_tuple), Field(strict=False)]] = Field(
        default_factory=dict
    )


class Records(Model):
    """Equal records, one after the other from `at` to the end of the frame, each with its own time."""

    at: int
    length: Annotated[int, Field(ge=1)]
    fields: Annotated[dict[str, ByteField], Field(min_length=1)]


class Frame(Model):
    """One frame format. Without fields it only says that the device is alive (versions, settings)."""

    match: FrameMatch = FrameMatch()
    fields: dict[str, ByteField] = Field(default_factory=dict)
    records: Records | None = None


class FixedLayout(Layout):
    """Binary frames with fixed offsets, chosen by port, length and discriminator bytes; the first that
    matches is taken."""

    kind: Literal["fixed"]
    order: Order = "big"
    frames: Annotated[dict[str, Frame], Field(min_length=1)]


class Item(Model):
    """The value after one tag. `length` counts its bytes; `prefixed` when the next byte tells it.
    `apart` items are samples of their own (history, with their own time)."""

    length: Annotated[int, Field(ge=0)] | Literal["prefixed", "rest"]
    fields: dict[str, ByteField] = Field(default_factory=dict)
    apart: bool = False


class TlvLayout(Layout):
    """Tag and value pairs until the end of the frame. A tag is one or more bytes, written in hexadecimal.

    With `length_first` a length byte (counting tag and value) comes before each tag. `start` bytes of header
    are skipped. A value that comes twice in one frame begins a new sample: two alarms stay two.
    """

    kind: Literal["tlv"]
    order: Order = "little"
    ports: Annotated[tuple[int, ...], Field(strict=False)] = ()
    start: Annotated[int, Field(ge=0)] = 0
    length_first: bool = False
    items: Annotated[
        dict[Annotated[str, Field(pattern=r"^[0-9A-F]{2}( [0-9A-F]{2})*$")], Item], Field(min_length=1)
    ]


class Group(Model):
    """The values that follow when one flag is set."""

    length: Annotated[int, Field(ge=1)]
    fields: dict[str, ByteField] = Field(default_factory=dict)


class FlagsLayout(Layout):
    """A bitmap of flags, then the groups whose flag is set, lowest bit first. `bytes` are discriminators.
    `frames` are the device's messages that are no such bitmap (versions, battery); they are tried first."""

    kind: Literal["flags"]
    order: Order = "big"
    ports: Annotated[tuple[int, ...], Field(strict=False)] = ()
    bytes: dict[TableKey, Annotated[tuple[int, ...], BeforeValidator(as_tuple), Field(strict=False)]] = Field(
        default_factory=dict
    )
    fields: dict[str, ByteField] = Field(default_factory=dict)
    flags: ByteField
    start: int
    groups: Annotated[dict[TableKey, Group], Field(min_length=1)]
    frames: dict[str, Frame] = Field(default_factory=dict)


class RegisterField(Steps):
    """A value from `address` on. It fills its registers from the end (a single byte is the low one), unless
    `byte` says where it starts, for records that ignore the borders of registers. Function codes 1 and 2
    read single bits."""

    address: Annotated[int, Field(ge=0, le=65535)]
    byte: Annotated[int, Field(ge=0, le=249)] | None = None
    type: Kind = "u16"
    fc: Literal[1, 2, 3, 4] | None = None
    order: WordOrder | None = None


class Read(Model):
    """One request of the poller: values that belong together stand in one read. `fast` reads go first."""

    address: Annotated[int, Field(ge=0, le=65535)]
    count: Annotated[int, Field(ge=1, le=2000)]
    every: Duration
    fc: Literal[1, 2, 3, 4] | None = None
    fast: bool = False


class RegistersLayout(Layout):
    """Modbus. Addresses are those of the protocol (40001 of a manual is address 0)."""

    kind: Literal["registers"]
    fc: Literal[1, 2, 3, 4] = 3
    order: WordOrder = "ABCD"
    reads: Annotated[tuple[Read, ...], Field(strict=False, min_length=1)]
    fields: Annotated[dict[str, RegisterField], Field(min_length=1)]


AnyLayout = Annotated[
    JsonLayout | CodecLayout | FixedLayout | TlvLayout | FlagsLayout | RegistersLayout,
    Field(discriminator="kind"),
]
