"""Short names for readings and rules, so that a test reads as a timeline."""

from collections.abc import Mapping
from itertools import count

from edge.readings import Quality, Reading, TimeSource, Value
from gateway.rules.engine import Engine
from gateway.rules.model import Condition, Rule, Severity, TaskKind
from gateway.rules.outcomes import Outcome

START = 1_760_000_000_000
HOME = "bathroom of home 3-2-501"


def rule(when: Condition, name: str = "rule", position: str = HOME) -> Rule:
    """A critical care rule."""
    return Rule(id=name, position=position, severity=Severity.CRITICAL, task_kind=TaskKind.CARE, when=when)


def engine(*rules: Rule, started_s: float = 0) -> Engine:
    """An engine that numbers its breaches b1, b2, …"""
    numbers = count(1)
    made = Engine(new_breach=lambda: f"b{next(numbers)}", started_ms=at(started_s))
    made.replace_rules(rules, at(started_s), {HOME: "d1"})
    return made


def at(seconds: float) -> int:
    """That many seconds after the start of the scene."""
    return START + round(seconds * 1000)


def said(
    seconds: float,
    points: Mapping[str, Value],
    *,
    received: float | None = None,
    key: str | None = None,
    quality: Quality = Quality.GOOD,
    status: Mapping[str, str] | None = None,
    trusted: bool = True,
    source: TimeSource = TimeSource.DEVICE,
    device: str = "d1",
) -> Reading:
    """What a device said at that second by its clock, received then or at `received`."""
    return Reading(
        position=HOME,
        device=device,
        family="home",
        time_ms=at(seconds),
        received_ms=at(seconds if received is None else received),
        points=points,
        status=status or {},
        quality=quality,
        time_source=source,
        clock_trusted=trusted,
        key=key,
    )


def hear(judge: Engine, reading: Reading) -> list[Outcome]:
    """Let the engine observe the reading at the moment of its receipt."""
    return judge.observe(reading, reading.received_ms)


def brief(outcomes: list[Outcome]) -> list[tuple[str, str, float]]:
    """(event, breach, device time in seconds of the scene)."""
    return [(one.event, one.breach, (one.device_ms - START) / 1000) for one in outcomes]
