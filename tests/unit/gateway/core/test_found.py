"""What was found fits into one message, and what is cut off never looks gone."""

from edge.core.found import Findings, FoundDevice
from gateway import wire
from gateway.core.found import NO_ROOM, found_message


def device(number: int, *, document_bytes: int = 0, text: str = "") -> FoundDevice:
    profile = f"generated-{number}"
    return FoundDevice(
        source="zigbee2mqtt",
        base="z",
        id=f"0x{number:016x}",
        name=text,
        topic=f"z/{number}",
        profile=profile,
        document={"id": profile, "text": "x" * document_bytes} if document_bytes else None,
    )


def test_devices_share_the_profile_that_was_made_for_their_model() -> None:
    first = device(1, document_bytes=10)
    other = FoundDevice(**{name: getattr(first, name) for name in first.__slots__} | {"id": "0x2"})
    message = found_message(Findings(("zigbee2mqtt/z",), (first, other)), 5)
    assert [one.profile for one in message.devices] == ["generated-1", "generated-1"]
    assert list(message.profiles) == ["generated-1"]
    assert (message.sources, message.left_out, message.at_ms) == (["zigbee2mqtt/z"], 0, 5)


def test_what_does_not_fit_is_counted_and_nothing_is_called_gone() -> None:
    many = tuple(device(number, text="y" * 2_000) for number in range(1_000))
    message = found_message(Findings(("zigbee2mqtt/z",), many), 5)
    assert message.left_out == 1_000 - len(message.devices) > 0
    assert message.sources == []
    assert len(wire.encode(message)) < wire.MAXIMUM_MESSAGE_BYTES


def test_a_profile_that_does_not_fit_is_told_with_its_device() -> None:
    large = tuple(device(number, document_bytes=150_000) for number in range(6))
    message = found_message(Findings(("zigbee2mqtt/z",), large), 5)
    told = [one for one in message.devices if one.reason == NO_ROOM]
    assert len(told) == message.left_out > 0
    assert all(not one.profile for one in told)
    assert len(wire.encode(message)) < wire.MAXIMUM_MESSAGE_BYTES
    assert message.sources == ["zigbee2mqtt/z"]
