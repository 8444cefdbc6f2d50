"""From a command and its arguments to what is sent: bytes, a document or registers. Pure.

Arguments come from people and from other programs: all that is wrong with them is said at once, and nothing
that is outside the command's own description is ever encoded.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import JsonValue

from firmware_profiles.commands import (
    PLACE,
    Command,
    CommandParameter,
    LorawanSend,
    MessageSend,
    RegistersSend,
    place,
)
from firmware_profiles.problems import meant, shown
from firmware_profiles.schema import Profile
from firmware_profiles.values import Scalar

_ORDERS: Final[dict[str, Literal["little", "big"]]] = {"le": "little", "be": "big"}


class CommandRefusedError(ValueError):
    """The command cannot be sent; `reasons` says all that is wrong."""

    def __init__(self, *reasons: str) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class Downlink:
    """Bytes for a LoRaWAN device."""

    port: int
    body: bytes
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Publication:
    """A message; `{topic}` in `topic` is where the device speaks."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class RegisterOrder:
    """Values for registers (0 to 65535) or coils (0 or 1) from `address` on."""

    kind: Literal["coil", "register"]
    address: int
    values: tuple[int, ...]


Order = Downlink | Publication | RegisterOrder


def order_of(profile: Profile, name: str, arguments: Mapping[str, Any]) -> Order:
    """What is sent for the command `name` of a profile. Raises CommandRefusedError."""
    command = profile.commands.get(name)
    if command is None:
        raise CommandRefusedError(f"{profile.id} has no command {shown(name)}{meant(name, profile.commands)}")
    return encode(command, arguments)


def encode(command: Command, arguments: Mapping[str, Any]) -> Order:
    """What is sent for a command with these arguments. Raises CommandRefusedError."""
    reasons = [
        f"{shown(name)}: is no parameter of this command{meant(name, command.parameters)}"
        for name in arguments
        if name not in command.parameters
    ]
    values: dict[str, Scalar] = {}
    for name, parameter in command.parameters.items():
        given = arguments.get(name, parameter.default)
        why = "is missing" if given is None else _problem(parameter, given)
        if why is not None:
            reasons.append(f"{name}: {why}")
        else:
            values[name] = given
    if reasons:
        raise CommandRefusedError(*reasons)
    raw = {
        name: number
        for name, value in values.items()
        if (number := _raw(command.parameters[name], value)) is not None
    }
    send = command.send
    if isinstance(send, LorawanSend):
        return Downlink(send.port, _bytes(send.hex, raw), send.confirmed)
    if isinstance(send, RegistersSend):
        return _registers(send, raw)
    return _publication(send, values)


def _problem(parameter: CommandParameter, value: object) -> str | None:
    """Why the value cannot be an argument; None where it can."""
    if parameter.choices:
        if isinstance(value, str) and value in parameter.choices:
            return None
        return f"must be one of {', '.join(parameter.choices)}, got {shown(value)}"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return f"must be a number, got {shown(value)}"
    if parameter.range is not None and not parameter.range[0] <= value <= parameter.range[1]:
        least, most = parameter.range
        return f"must be {least} to {most}, got {shown(value)}"
    steps = value / parameter.scale
    if abs(steps - round(steps)) > 1e-6:
        return f"must be a multiple of {parameter.scale}, got {shown(value)}"
    return None


def _raw(parameter: CommandParameter, value: Scalar) -> int | None:
    if parameter.choices:
        return parameter.choices[str(value)].code
    assert isinstance(value, int | float)
    return round(value / parameter.scale)


def _bytes(template: str, raw: Mapping[str, int]) -> bytes:
    def written(match: "Any") -> str:
        kind = match[2]
        size = int("".join(letter for letter in kind if letter.isdigit())) // 8
        order = _ORDERS.get(kind[-2:], "big")
        return raw[match[1]].to_bytes(size, order, signed=kind.startswith("i")).hex()

    try:
        return bytes.fromhex(PLACE.sub(written, template))
    except (OverflowError, KeyError) as error:
        raise CommandRefusedError(f"the value does not fit into its place in the bytes: {error}") from error


def _registers(send: RegistersSend, raw: Mapping[str, int]) -> RegisterOrder:
    values: list[int] = []
    for value in send.values:
        name = place(value)
        if name is None:
            values.append(int(value))
        elif name not in raw or not -32_768 <= raw[name] <= 65_535:
            raise CommandRefusedError(f"{name}: does not fit into a register")
        else:
            values.append(raw[name] & 0xFFFF)
    return RegisterOrder("coil" if send.coils else "register", send.address, tuple(values))


def _publication(send: MessageSend, values: Mapping[str, Scalar]) -> Publication:
    def filled(part: JsonValue) -> JsonValue:
        if isinstance(part, dict):
            return {key: filled(item) for key, item in part.items()}
        if isinstance(part, list):
            return [filled(item) for item in part]
        name = place(part)
        return part if name is None else values[name]

    return Publication(send.topic, json.dumps(filled(send.json_), separators=(",", ":")).encode())
