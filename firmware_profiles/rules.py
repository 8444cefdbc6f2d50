"""Default rules of a profile: what has to become true, how grave it is, and what the person who goes does."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from firmware_profiles.values import Duration, Model, Number, Scalar, Text

Severity = Literal["critical", "major", "minor", "warning"]
Task = Literal["care", "well", "public_health", "maintenance"]


class ParameterLimit(Model):
    """A limit that depends on the unit: a parameter times a number."""

    parameter: str
    times: Number = 1


def _limit_tag(value: Any) -> str:
    return "parameter" if isinstance(value, dict | ParameterLimit) else "number"


Limit = Annotated[
    Annotated[Number, Tag("number")] | Annotated[ParameterLimit, Tag("parameter")], Discriminator(_limit_tag)
]


class ThresholdWhen(Model):
    """`point` stands above or below a limit for a while; over when it comes back past `clear`. With `around`
    it is an angle in degrees, judged by how far it stands from that one (0 to 180)."""

    kind: Literal["threshold"]
    point: str
    above: Limit | None = None
    below: Limit | None = None
    clear: Limit | None = None
    around: Limit | None = None
    for_: Annotated[Duration, Field(alias="for")] = 0

    @model_validator(mode="after")
    def _one_side(self) -> "ThresholdWhen":
        if (self.above is None) == (self.below is None):
            raise ValueError("a threshold has either above or below")
        return self


class StateWhen(Model):
    """`point` holds one of `values` for a while."""

    kind: Literal["state"]
    point: str
    values: Annotated[tuple[Scalar, ...], Field(strict=False, min_length=1)]
    for_: Annotated[Duration, Field(alias="for")] = 0


class EventWhen(Model):
    """`point` speaks, with one of `values` if given. Echoes within `debounce` belong to the first."""

    kind: Literal["event"]
    point: str
    values: Annotated[tuple[Scalar, ...], Field(strict=False)] = ()
    debounce: Duration = 1_000


class RateWhen(Model):
    """`point` changes by at least `change` (with its sign) within a time."""

    kind: Literal["rate"]
    point: str
    change: Number
    within: Duration


class SilenceMode(Model):
    """While the point has one of these values, the device is silent after another time."""

    values: Annotated[tuple[Scalar, ...], Field(strict=False, min_length=1)]
    after: Duration


class SilenceWhen(Model):
    """Nothing was heard from the device for a time, which may depend on the state `by`."""

    kind: Literal["silence"]
    after: Duration
    by: str | None = None
    modes: Annotated[tuple[SilenceMode, ...], Field(strict=False)] = ()


When = Annotated[ThresholdWhen | StateWhen | EventWhen | RateWhen | SilenceWhen, Field(discriminator="kind")]


class RuleSpec(Model):
    """A rule as a profile writes it; its key says what it means and is the same across models."""

    name: Text
    advise: Text
    severity: Severity
    task: Task
    when: When
    source: str


class RuleTemplate(RuleSpec):
    """A rule of a profile with its key; `derived` when it comes from the heartbeat or the battery model."""

    key: str
    derived: bool = False

    @property
    def point(self) -> str | None:
        """The point that the rule looks at; None for silence."""
        return None if isinstance(self.when, SilenceWhen) else self.when.point

    @property
    def baseline(self) -> str | None:
        """The parameter that says from where an angle is judged, where the rule judges one."""
        around = self.when.around if isinstance(self.when, ThresholdWhen) else None
        return around.parameter if isinstance(around, ParameterLimit) else None

    def condition(self, parameters: Mapping[str, float] | None = None) -> dict[str, Any]:
        """The condition in the form of the rule engine: a type tag and durations in milliseconds.

        `parameters` are the unit's own values, for limits that depend on them. Raises KeyError with the
        parameter's name if the limit needs one that is not given.
        """
        condition: dict[str, Any] = _CONDITIONS[self.when.kind](self.when, parameters or {})
        return condition


def _limit(limit: Limit, parameters: Mapping[str, float]) -> float:
    if isinstance(limit, ParameterLimit):
        return round(parameters[limit.parameter] * limit.times, 9)
    return float(limit)


def _threshold(when: ThresholdWhen, parameters: Mapping[str, float]) -> dict[str, Any]:
    side: Limit = when.above if when.above is not None else when.below  # type: ignore[assignment]  # validated
    around = {} if when.around is None else {"around": _limit(when.around, parameters)}
    return {
        "type": "threshold",
        "point": when.point,
        "side": "above" if when.above is not None else "below",
        "limit": _limit(side, parameters),
        "clear": None if when.clear is None else _limit(when.clear, parameters),
        "for_ms": when.for_,
        **around,
    }


def _state(when: StateWhen, _parameters: Mapping[str, float]) -> dict[str, Any]:
    return {"type": "state", "point": when.point, "values": list(when.values), "for_ms": when.for_}


def _event(when: EventWhen, _parameters: Mapping[str, float]) -> dict[str, Any]:
    return {"type": "event", "point": when.point, "values": list(when.values), "debounce_ms": when.debounce}


def _rate(when: RateWhen, _parameters: Mapping[str, float]) -> dict[str, Any]:
    return {"type": "rate", "point": when.point, "change": float(when.change), "within_ms": when.within}


def _silence(when: SilenceWhen, _parameters: Mapping[str, float]) -> dict[str, Any]:
    plain: dict[str, Any] = {"type": "silence", "after_ms": when.after}
    if when.by is None:
        return plain
    modes = [{"values": list(mode.values), "after_ms": mode.after} for mode in when.modes]
    return {**plain, "by": when.by, "modes": modes}


_CONDITIONS: dict[str, Any] = {
    "threshold": _threshold,
    "state": _state,
    "event": _event,
    "rate": _rate,
    "silence": _silence,
}
