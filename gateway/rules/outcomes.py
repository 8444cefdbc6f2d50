"""What judging readings leads to: a condition became true (again), or it is over."""

from dataclasses import dataclass
from typing import Literal

from gateway.rules.model import Rule, Scalar
from gateway.rules.timeline import News, Sample

Change = Literal["occurred", "cleared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """News about a breach of `rule`.

    `device_ms` is the own time of the reading that made it so (of the one that began it, if it had to last),
    `identity` names that reading's message: None for news that came with time, or from a source without such
    a mark.
    """

    event: Change
    breach: str
    rule: Rule
    device: str
    point: str | None
    value: Scalar | None
    device_ms: int
    clock_trusted: bool
    identity: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBreach:
    """A condition that holds now and has been told. `since_ms` is the device time of its start."""

    breach: str
    rule: Rule
    device: str
    since_ms: int


def told(rule: Rule, news: News) -> list[Outcome]:
    """The outcomes of one piece of news: begun, over, or both."""
    parts: tuple[tuple[Change, Sample | None], ...] = (("occurred", news.began), ("cleared", news.ended))
    return [
        Outcome(
            event=event,
            breach=news.breach,
            rule=rule,
            device=sample.device,
            point=getattr(rule.when, "point", None),
            value=sample.value,
            device_ms=sample.device_ms,
            clock_trusted=sample.clock_trusted,
        )
        for event, sample in parts
        if sample is not None
    ]


def plain(event: Change, breach: str, rule: Rule, device: str, at_ms: int) -> Outcome:
    """An outcome that no value made: a silence, or the end of a rule."""
    return Outcome(
        event=event,
        breach=breach,
        rule=rule,
        device=device,
        point=getattr(rule.when, "point", None),
        value=None,
        device_ms=at_ms,
        clock_trusted=True,
    )
