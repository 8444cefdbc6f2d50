"""The wire is frozen: what was shipped decodes and encodes to the same, for ever.

A golden file is never edited; a new field comes with a new file, a new meaning with a new version.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway import asyncapi, wire

GOLDEN = Path(__file__).parent / "wire"
FILES = sorted(GOLDEN.glob("v*/*.json"))
FIELDS = GOLDEN / "v1" / "fields.txt"
WRONG: list[tuple[str, bytes, str]] = [
    ("down/ack", b"", "truncated"),
    ("down/ack", b'"\xff"', "down/ack"),
    ("down/ack", b'{"v":1,"lane":"alarm","epoch":"e"}', "seqs"),
    ("down/ack", b'{"v":1,"lane":"other","epoch":"e","seqs":[]}', "lane"),
    ("down/ack", b'{"v":2,"lane":"data","epoch":"e","seqs":[]}', "version 2"),
    ("up/alarm", b"[" * 100_000, "up/alarm"),
    ("up/data", b" " * (wire.MAXIMUM_MESSAGE_BYTES + 1), "more than"),
    ("up/data", b'{"epoch":"e\\u0000","seq":1,"readings":[]}', "NUL"),
    ("up/data", b'{"epoch":"e","seq":9223372036854775808,"readings":[]}', "seq"),
    ("up/state", b'{"online":true,"session":"s","applied":2147483648}', "applied"),
    ("up/state", b'{"online":true,"session":"s","health":{"at_ms":10000000000000000,"uptime_s":1}}', "at_ms"),
    ("up/state", b'{"online":true,"session":"s","health":{"at_ms":1,"uptime_s":1e300}}', "uptime_s"),
    ("up/reply", b'{"id":"' + b"x" * 201 + b'","ok":true}', "id"),
    ("down/command", b'{"id":"i","name":"test","expires_ms":-1000000000000000000}', "expires_ms"),
    ("down/desired", b'{"version":2147483648}', "version"),
]


def channel_of(file: Path) -> str:
    """up-alarm.occurred.json is a message of up/alarm."""
    return file.name.split(".")[0].replace("-", "/")


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_a_golden_message_decodes_and_encodes_to_the_same(file: Path) -> None:
    payload = file.read_bytes().strip()
    message = wire.decode(channel_of(file), payload)
    assert wire.encode(message) == payload
    assert wire.decode(channel_of(file), wire.encode(message)) == message


def test_every_channel_has_a_golden_message() -> None:
    assert {channel_of(file) for file in FILES} == set(wire.CHANNELS)


def test_the_fields_of_version_1_are_those_that_were_shipped() -> None:
    lines = []
    for kind in (
        *wire.CHANNELS.values(),
        wire.DataReading,
        wire.Health,
        wire.DriverHealth,
        wire.Trouble,
        wire.FoundDevice,
    ):
        for field in msgspec.structs.fields(kind):
            needed = "required" if field.required else "optional"
            lines.append(f"{kind.__name__}.{field.encode_name} {needed}")
    lines += [f"DesiredDevice.{field.encode_name}" for field in msgspec.structs.fields(wire.DesiredDevice)]
    assert "\n".join(lines) + "\n" == FIELDS.read_text()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_field_of_newer_software_is_ignored(file: Path) -> None:
    document: dict[str, Any] = json.loads(file.read_bytes())
    newer = json.dumps(document | {"a_field_of_tomorrow": [1]}).encode()
    assert wire.decode(channel_of(file), newer) == wire.decode(channel_of(file), file.read_bytes())


@pytest.mark.parametrize(("channel", "payload", "said"), WRONG, ids=[str(n) for n in range(len(WRONG))])
def test_what_cannot_be_used_is_refused_with_its_place(channel: str, payload: bytes, said: str) -> None:
    with pytest.raises(wire.WireError, match=said):
        wire.decode(channel, payload)


@pytest.mark.parametrize("channel", list(wire.CHANNELS))
def test_topics_are_taken_apart_as_they_are_made(channel: wire.Channel) -> None:
    assert wire.parse_topic(wire.topic("gw-7", channel)) == ("gw-7", channel)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "sunwell/v1//up/alarm",
        "sunwell/v1/g\0/up/alarm",
        f"sunwell/v1/{'g' * 101}/up/alarm",
        "sunwell/v2/g/up/alarm",
        "sunwell/v1/g/up/alarm/x",
        "sunwell/v1/g/up/other",
    ],
)
def test_other_topics_are_none_of_ours(topic: str) -> None:
    with pytest.raises(wire.WireError):
        wire.parse_topic(topic)


def test_the_description_is_fresh() -> None:
    assert asyncapi.FILE.read_text() == asyncapi.text(), "run: python -m gateway.asyncapi"


def test_the_description_names_every_channel_and_resolves() -> None:
    document = asyncapi.document()
    assert {one["address"] for one in document["channels"].values()} == {
        f"sunwell/v1/{{gateway}}/{channel}" for channel in wire.CHANNELS
    }
    found: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            found.extend(one for key, one in value.items() if key == "$ref")
            for one in value.values():
                walk(one)
        elif isinstance(value, list):
            for one in value:
                walk(one)

    walk(document)
    assert found
    for reference in found:
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
