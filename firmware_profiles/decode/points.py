"""From fields to points: derived values, the check against each point, the device's time and key."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from firmware_profiles.decode.comparing import compare
from firmware_profiles.decode.model import RawField, RawSample, Sample, Value
from firmware_profiles.decode.steps import (
    UNLISTED,
    UNREADABLE,
    UNSET,
    NoValue,
    Surroundings,
    apply,
    clean,
    needs_fields,
    table_text,
)
from firmware_profiles.layouts import AnyOfDerive, CompareDerive, Derive, FaultDerive, RouteDerive, TimeField
from firmware_profiles.schema import Point, Profile

_LATEST_MS = 4_102_444_800_000
"""2100-01-01: no time after it is a time."""


class FieldStep(NamedTuple):
    """One field on its way, for explaining: where it stood, what it was, what became of it."""

    name: str
    at: str | tuple[int, int]
    raw: object
    value: Value | None
    status: str | None


def assemble(
    profile: Profile, raw: RawSample, parameters: Mapping[str, float], trace: list[FieldStep] | None = None
) -> Sample:
    """The sample that the fields make, and into `trace` each step. Every number outside its point's range is
    named in `bad`."""
    values: dict[str, Value] = {}
    status: dict[str, str] = {}
    around = Surroundings(values, status, parameters)
    for field in sorted(raw.fields, key=lambda item: needs_fields(item.steps)):
        name = field.name
        evaluate(field, around, values, status, wants_number=wants_number(profile, name))
        if trace is not None:
            trace.append(FieldStep(name, field.at, field.raw, values.get(name), status.get(name)))
    derive_all(profile, around, values, status, trace)
    return make_sample(profile, values, status)


def wants_number(profile: Profile, name: str) -> bool:
    """Whether the field of this name has to be a number."""
    point = profile.points.get(name)
    return point is not None and point.kind == "measure"


def evaluate(
    field: RawField,
    around: Surroundings,
    values: dict[str, Value],
    status: dict[str, str],
    *,
    wants_number: bool,
) -> None:
    """Puts the field's value among the values, or why it has none among the statuses."""
    try:
        values[field.name] = apply(field.steps, field.raw, wants_number, around)
    except NoValue as none:
        if none.status is not None:
            status[field.name] = none.status


def derive_all(
    profile: Profile,
    around: Surroundings,
    values: dict[str, Value],
    status: dict[str, str],
    trace: list[FieldStep] | None = None,
) -> None:
    """Adds what is derived from the values, in the order in which the profile declares it."""
    for name, derive in profile.decode.derive.items():
        target = _derive(profile, name, derive, around, values, status)
        if target is not None and trace is not None:
            sources = derive.from_ if isinstance(derive, FaultDerive) else (derive.from_,)
            read = ", ".join(table_text(values.get(source, status.get(source))) for source in sources)
            at = f"from {', '.join(sources)}"
            trace.append(FieldStep(target, at, read, values.get(target), status.get(target)))


def _derive(
    profile: Profile,
    name: str,
    derive: Derive,
    around: Surroundings,
    values: dict[str, Value],
    status: dict[str, str],
) -> str | None:
    if isinstance(derive, FaultDerive):
        return _derive_fault(name, derive, values, status)
    if derive.from_ not in values:
        if derive.from_ in status and not isinstance(derive, RouteDerive):
            status[name] = status[derive.from_]
            return name
        return None
    value = values[derive.from_]
    if isinstance(derive, RouteDerive):
        target = derive.to.get(table_text(values.get(derive.by)))
        if target is not None:
            values[target] = value
        return target
    if isinstance(derive, AnyOfDerive):
        values[name] = any(_same(value, item) for item in derive.values)
    elif isinstance(derive, CompareDerive):
        _derive_comparison(name, derive, value, around, values, status)
    else:
        field = RawField(name, value, derive, "")
        evaluate(field, around, values, status, wants_number=wants_number(profile, name))
    return name


def _derive_comparison(
    name: str,
    derive: CompareDerive,
    value: Value,
    around: Surroundings,
    values: dict[str, Value],
    status: dict[str, str],
) -> None:
    try:
        values[name] = compare(derive, value, around)
    except NoValue as none:
        status[name] = none.status or UNREADABLE


def _derive_fault(
    name: str, derive: FaultDerive, values: dict[str, Value], status: Mapping[str, str]
) -> str | None:
    broken = any(status.get(source, UNSET) != UNSET for source in derive.from_)
    if not broken and not any(source in values for source in derive.from_):
        return None
    values[name] = broken
    return name


def _same(value: Value, other: Value) -> bool:
    return value == other and isinstance(value, bool) == isinstance(other, bool)


def make_sample(profile: Profile, values: Mapping[str, Value], status: Mapping[str, str]) -> Sample:
    """The values that are points, each checked against its point."""
    layout = profile.decode
    points: dict[str, Value] = {}
    why = {name: text for name, text in status.items() if name in profile.points and name not in values}
    bad: set[str] = set()
    for name, point in profile.points.items():
        if name not in values:
            continue
        try:
            points[name] = _fit(point, values[name])
        except NoValue as none:
            why[name] = none.status or UNREADABLE
            continue
        number = points[name]
        if point.range is not None and not isinstance(number, str | bool):
            low, high = point.range
            if not low <= number <= high:
                bad.add(name)
    return Sample(
        points=points,
        status=why,
        bad=frozenset(bad),
        time_ms=_time(layout.time, values) if layout.time is not None else None,
        key=_key(layout.key, values),
    )


def _fit(point: Point, value: Value) -> Value:
    """The value as its point takes it. Raises NoValue if it is none of the point's."""
    if point.kind == "measure":
        if isinstance(value, bool | str):
            raise NoValue(UNREADABLE)
        return value
    if point.is_boolean and isinstance(value, int) and value in (0, 1):
        value = bool(value)
    if point.values and (
        table_text(value) not in point.values or isinstance(value, bool) != point.is_boolean
    ):
        raise NoValue(f"{UNLISTED} {clean(table_text(value), 32)}")
    if isinstance(value, str):
        return clean(value)
    return value


def _key(names: tuple[str, ...], values: Mapping[str, Value]) -> str | None:
    parts = [f"{name.lstrip('_')}={clean(table_text(values[name]))}" for name in names if name in values]
    return ";".join(parts) or None


def _time(spec: TimeField, values: Mapping[str, Value]) -> int | None:
    value = values.get(spec.field)
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        found = _iso(value, spec.zone) if spec.unit == "iso" else None
    else:
        # Compared before it is multiplied: a float near its end would become infinite.
        found = int(value * (1_000 if spec.unit == "s" else 1)) if abs(value) < _LATEST_MS else None
    return found if found is not None and 0 < found < _LATEST_MS else None


def _iso(text: str, zone: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text[:40])
        if moment.tzinfo is None:
            moment = datetime.fromisoformat(moment.isoformat() + zone)
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None
