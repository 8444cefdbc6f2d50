"""What a gateway answers to a command. Pure: the command, the time and the gateway's state go in."""

from collections.abc import Callable
from typing import Final

from gateway import wire

NOT_AVAILABLE: Final = "not available"


def answer(command: wire.CommandMessage, *, now_ms: int, state: wire.StateMessage) -> wire.ReplyMessage:
    """The reply. A command that comes after its expiry is refused: who sent it no longer waits for it."""
    if now_ms >= command.expires_ms:
        late_s = (now_ms - command.expires_ms) / 1000
        return wire.ReplyMessage(id=command.id, ok=False, detail=f"expired {late_s:.1f} s ago")
    act = _ACTS.get(command.name)
    if act is None:
        return wire.ReplyMessage(id=command.id, ok=False, detail=NOT_AVAILABLE)
    return wire.ReplyMessage(id=command.id, ok=True, detail=act(state))


def _identify(state: wire.StateMessage) -> str:
    return f"software {state.software}, session {state.session}, desired state {state.applied}"


def _test(state: wire.StateMessage) -> str:
    health = state.health
    if health is None:
        return "running"
    running = ", ".join(driver.name for driver in health.drivers if driver.running) or "none"
    return (
        f"drivers running: {running}; alarms waiting: {health.alarm_depth}; troubles: {len(health.troubles)}"
    )


_ACTS: Final[dict[str, Callable[[wire.StateMessage], str]]] = {"identify": _identify, "test": _test}
