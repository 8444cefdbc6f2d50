"""The way to the server goes on, whatever the server says on it."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import msgspec

from gateway.settings import Broker
from gateway.uplink import Uplink
from gateway.wire import CommandMessage, topic


async def test_a_document_that_our_code_fails_on_does_not_end_the_connection() -> None:
    """It is retained: with each new connection it would come again."""
    troubles: list[str] = []
    commands: list[str] = []

    async def on_desired(_payload: bytes) -> None:
        raise RuntimeError("nobody foresaw this")

    said: list[tuple[Any, bytes]] = [
        ("down/desired", b"{}"),
        ("down/command", b'{"id":"far","name":"test","expires_ms":1' + b"0" * 400 + b"}"),
        ("down/ack", b'{"lane":"alarm","epoch":"e","seqs":[1' + b"0" * 400 + b"]}"),
        ("down/command", msgspec.json.encode(CommandMessage(id="good", name="test", expires_ms=1))),
    ]

    async def messages() -> AsyncIterator[Any]:
        for channel, payload in said:
            yield SimpleNamespace(topic=topic("gw", channel), payload=payload, retain=False)

    nothing = cast("Any", None)
    uplink = Uplink(
        gateway="gw",
        broker=Broker(host="nowhere"),
        keeper=nothing,
        recorder=nothing,
        state=nothing,
        found=nothing,
        on_desired=on_desired,
        on_command=lambda command: commands.append(command.id),
        trouble=lambda _source, detail: troubles.append(detail),
    )
    await uplink._receive(cast("Any", SimpleNamespace(messages=messages())))
    assert commands == ["good"]
    assert len(troubles) == 3
    assert "RuntimeError" in troubles[0]
