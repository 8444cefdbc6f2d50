"""Commands of a device, as data: their parameters, and how each transport carries them.

A template holds parameters in braces: `{minutes:u16le}` in the bytes of a LoRaWAN downlink, `{emissivity}` as
one register, `"{seconds}"` as a value of a JSON document. Nothing else happens in it: a command that would
need an `if` is two commands.
"""

import re
from typing import Annotated, Final, Literal

from pydantic import Field, JsonValue

from firmware_profiles.units import Unit
from firmware_profiles.values import Model, Number, Scalar, Text

PLACE: Final = re.compile(r"\{([a-z][a-z0-9_]*)(?::([ui](?:8|16|24|32)(?:le|be)?))?\}")
"""A parameter in a template, in bytes with its type; more than one byte needs an order."""
TOPIC: Final = "{topic}"
"""In the topic of a message: where the device speaks."""
_HEX: Final = r"^(\s|[0-9A-Fa-f]{2}|\{[a-z][a-z0-9_]*:(u8|i8|[ui](16|24|32)(le|be))\})+$"


class Choice(Model):
    """One of the values that a parameter can have; `code` is the number that stands for it in bytes and
    registers."""

    name: Text
    code: int | None = None


class CommandParameter(Model):
    """What is asked of whoever sends the command: a number of `range` in steps of `step`, or a choice. Bytes
    and registers carry the number divided by `scale`."""

    name: Text
    unit: Unit | None = None
    range: Annotated[tuple[Number, Number], Field(strict=False)] | None = None
    scale: Number = 1
    choices: dict[str, Choice] = Field(default_factory=dict)
    default: Scalar | None = None


class LorawanSend(Model):
    """A downlink. A `confirmed` one is repeated by the network until the device acknowledges it."""

    kind: Literal["lorawan"]
    port: Annotated[int, Field(ge=1, le=223)]
    hex: Annotated[str, Field(pattern=_HEX)]
    confirmed: bool = False


class MessageSend(Model):
    """An MQTT message with a JSON document; by default to `{topic}/set`, which is Zigbee2MQTT's way."""

    kind: Literal["message"]
    topic: Annotated[str, Field(pattern=r"^\{topic\}(/[^+#{}]+)*$")] = "{topic}/set"
    json_: Annotated[JsonValue, Field(alias="json")]


class RegistersSend(Model):
    """Values for holding registers, or coils, from `address` on; numbers or parameters. A parameter below
    zero is written as its two's complement."""

    kind: Literal["registers"]
    address: Annotated[int, Field(ge=0, le=65_535)]
    values: Annotated[
        tuple[int | Annotated[str, Field(pattern=r"^\{[a-z][a-z0-9_]*\}$")], ...],
        Field(strict=False, min_length=1, max_length=100),
    ]
    coils: bool = False


AnySend = Annotated[LorawanSend | MessageSend | RegistersSend, Field(discriminator="kind")]


class CommandExample(Model):
    """A worked example, run by the tests: these `arguments` give these bytes, this document, these values."""

    arguments: dict[str, Scalar] = Field(default_factory=dict)
    hex: Annotated[str, Field(pattern=r"^([0-9A-Fa-f]{2}\s?)+$")] | None = None
    json_: Annotated[JsonValue, Field(alias="json")] = None
    values: Annotated[tuple[int, ...], Field(strict=False)] | None = None


class Command(Model):
    """Something that the device can be told. `note` says what it costs or when it takes effect."""

    name: Text
    note: Text | None = None
    source: str
    parameters: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], CommandParameter] = Field(
        default_factory=dict
    )
    send: AnySend
    examples: Annotated[tuple[CommandExample, ...], Field(strict=False, min_length=1)]


def places(command: Command) -> set[str]:
    """The names of all parameters that the command's template holds."""
    send = command.send
    if isinstance(send, LorawanSend):
        return {match[1] for match in PLACE.finditer(send.hex)}
    if isinstance(send, RegistersSend):
        return {name for value in send.values if (name := place(value)) is not None}
    return set(_document_places(send.json_))


def place(value: object) -> str | None:
    """The name of the parameter that a value of a template stands for; None where it is a value itself."""
    match = PLACE.fullmatch(value) if isinstance(value, str) else None
    return match[1] if match is not None and match[2] is None else None


def _document_places(value: JsonValue) -> list[str]:
    if isinstance(value, dict):
        return [name for part in value.values() for name in _document_places(part)]
    if isinstance(value, list):
        return [name for part in value for name in _document_places(part)]
    name = place(value)
    return [] if name is None else [name]
