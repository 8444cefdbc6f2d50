"""What a profile's commissioning test has to show, and what counts as having shown it. Pure."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from firmware_profiles import Profile
from firmware_profiles.values import Scalar

SIGNAL: Final = ("rssi", "linkquality", "signal", "snr")
"""Points that tell how well a device is heard, the most telling first."""


_NOTHING: Final[Mapping[str, Any]] = {
    "point": None, "values": [], "within_s": 120, "name": {}, "change": False, "watch": []
}  # fmt: skip
"""The trial of a profile that says nothing of one: any value that arrives is news."""


def whole(trial: Mapping[str, Any]) -> dict[str, Any]:
    """A trial as it was kept, with all its keys: rows of before, or of other hands, may lack some."""
    return {**_NOTHING, **trial}


def trial_of(profile: Profile) -> dict[str, Any]:
    """The test as it is kept with its row: `point`, `values` (empty: any news of the point), `within_s`, what
    to do by language, `change` where the value has to change (a state; an event is news each time) and
    `watch`, the points to note beside it."""
    test = profile.commissioning
    watch: list[str] = [name for name in SIGNAL if name in profile.points]
    if profile.battery is not None and profile.battery.point is not None:
        watch.insert(0, profile.battery.point)
    if test is None:
        return {**_NOTHING, "watch": watch}
    return {
        "point": test.point,
        "values": list(test.values),
        "within_s": test.within / 1000,
        "name": {"zh": test.name.zh, "en": test.name.en},
        "change": bool(test.values) and profile.points[test.point].kind == "state",
        "watch": watch,
    }


def counts(trial: Mapping[str, Any], value: Scalar | None) -> bool:
    """Whether this value of the trial's point is one that has to be seen."""
    values = whole(trial)["values"]
    return value is not None and (not values or value in values)


def news(trial: Mapping[str, Any], values: Mapping[str, Scalar]) -> Scalar | None:
    """What a reading says of the trial's point; of a trial without a point, any of its values."""
    if (point := whole(trial)["point"]) is not None:
        return values.get(point)
    return next(iter(values.values()), None)


def watched(trial: Mapping[str, Any], values: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Battery and signal in a reading."""
    return {name: values[name] for name in whole(trial)["watch"] if name in values}


def within(trial: Mapping[str, Any]) -> timedelta:
    """How long the press may take to be seen."""
    return timedelta(seconds=whole(trial)["within_s"])


def days_of(family: str, given: Mapping[str, int], table: Mapping[str, int]) -> int:
    """After how many days a device of this family is tested again."""
    return given.get(family, table.get(family, min(table.values())))
