"""Commands are answered, late ones refused, unknown acts said to be unavailable."""

import pytest

from gateway import wire
from gateway.commands import answer

STATE = wire.StateMessage(
    online=True, session="s1", software="1.2", applied=7, health=wire.Health(at_ms=1, uptime_s=1)
)


def command(name: str, expires_ms: int = 100) -> wire.CommandMessage:
    return wire.CommandMessage(id="c", name=name, expires_ms=expires_ms)  # type: ignore[arg-type]  # a Literal


@pytest.mark.parametrize(
    ("name", "ok", "detail"),
    [
        ("identify", True, "software 1.2, session s1, desired state 7"),
        ("test", True, "drivers running: none; alarms waiting: 0; troubles: 0"),
        ("locate", False, "not available"),
        ("restart", False, "not available"),
        ("update", False, "not available"),
    ],
)
def test_answers(name: str, ok: bool, detail: str) -> None:
    assert answer(command(name), now_ms=99, state=STATE) == wire.ReplyMessage(id="c", ok=ok, detail=detail)


def test_a_late_command_is_refused() -> None:
    reply = answer(command("identify"), now_ms=2_600, state=STATE)
    assert (reply.ok, reply.detail) == (False, "expired 2.5 s ago")
