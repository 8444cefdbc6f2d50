"""What a profile's commands say of themselves: the way fits the transport, every place has its parameter, and
the examples hold."""

import json
from collections.abc import Iterator

from firmware_profiles.commands import (
    PLACE,
    Command,
    CommandExample,
    CommandParameter,
    LorawanSend,
    MessageSend,
    RegistersSend,
    places,
)
from firmware_profiles.ordering import CommandRefusedError, Downlink, Order, Publication, encode
from firmware_profiles.problems import Path
from firmware_profiles.schema import Profile

Finding = tuple[Path, str]
_WAYS = {
    "lorawan": LorawanSend,
    "zigbee2mqtt": MessageSend,
    "home_assistant": MessageSend,
    "mqtt": MessageSend,
    "modbus": RegistersSend,
}


def check_commands(profile: Profile) -> Iterator[Finding]:
    """All findings, as path and text."""
    for key, command in profile.commands.items():
        path: Path = ("commands", key)
        way = _WAYS.get(profile.transport)
        if way is None or not isinstance(command.send, way):
            yield (*path, "send", "kind"), f"does not go with the transport {profile.transport}"
        yield from _parameters(path, command)
        yield from _examples(path, command)


def _parameters(path: Path, command: Command) -> Iterator[Finding]:
    used = places(command)
    for name in sorted(used - command.parameters.keys()):
        yield (*path, "send"), f"holds {{{name}}}, which is no parameter of this command"
    numbers = not isinstance(command.send, MessageSend)
    for name, parameter in command.parameters.items():
        where: Path = (*path, "parameters", name)
        if name not in used:
            yield where, "stands nowhere in send"
        if bool(parameter.choices) == (parameter.range is not None):
            yield where, "needs either range or choices"
        if parameter.range is not None and parameter.range[0] >= parameter.range[1]:
            yield (*where, "range"), "the first number must be the lower one"
        if parameter.scale <= 0:
            yield (*where, "scale"), "must be above 0"
            continue
        for choice, item in parameter.choices.items() if numbers else ():
            if item.code is None:
                yield (*where, "choices", choice, "code"), "is missing: bytes and registers carry numbers"
        yield from _fits(where, command, name, parameter)


def _fits(path: Path, command: Command, name: str, parameter: CommandParameter) -> Iterator[Finding]:
    """Both ends of the range must fit into the bytes or the register."""
    low, high = (round(end / parameter.scale) for end in parameter.range or (0, 0))
    if parameter.choices:
        codes = [item.code for item in parameter.choices.values() if item.code is not None]
        low, high = min(codes, default=0), max(codes, default=0)
    send = command.send
    if isinstance(send, LorawanSend):
        for match in PLACE.finditer(send.hex):
            if match[1] == name and match[2]:
                bits = int("".join(letter for letter in match[2] if letter.isdigit()))
                least, most = (-(1 << bits - 1), (1 << bits - 1) - 1)
                if match[2].startswith("u"):
                    least, most = 0, (1 << bits) - 1
                if low < least or high > most:
                    yield path, f"goes from {low} to {high}, a {match[2]} from {least} to {most}"
    elif isinstance(send, RegistersSend):
        least, most = (0, 1) if send.coils else (-32_768, 65_535 if low >= 0 else 32_767)
        if low < least or high > most:
            yield path, f"goes from {low} to {high}, its place from {least} to {most}"


def _examples(path: Path, command: Command) -> Iterator[Finding]:
    for index, example in enumerate(command.examples):
        where: Path = (*path, "examples", index)
        try:
            order = encode(command, example.arguments)
        except (CommandRefusedError, KeyError) as error:
            yield where, f"cannot be sent: {error}"
            continue
        difference = _difference(order, example)
        if difference:
            yield where, difference


def _difference(order: Order, example: CommandExample) -> str | None:
    if isinstance(order, Downlink):
        wanted = None if example.hex is None else bytes.fromhex(example.hex)
        return None if wanted == order.body else f"gives hex {order.body.hex(' ').upper()}"
    if isinstance(order, Publication):
        document = json.loads(order.payload)
        return None if document == example.json_ else f"gives json {json.dumps(document)}"
    return None if example.values == order.values else f"gives values {list(order.values)}"
