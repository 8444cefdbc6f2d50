"""What a profile's parts say of one another: every name that is used has to be declared."""

from collections.abc import Iterable, Iterator

from firmware_profiles.command_check import check_commands
from firmware_profiles.decode.model import RefusalReason
from firmware_profiles.decode.numbers import SIZES, WORDS
from firmware_profiles.decode.registers import register_count
from firmware_profiles.decode.steps import table_text
from firmware_profiles.layouts import (
    MAXIMUM_SCRIPT_BYTES,
    ByteField,
    CodecLayout,
    Factor,
    FaultDerive,
    FieldFactor,
    FixedLayout,
    FlagsLayout,
    JsonLayout,
    ParameterFactor,
    RegistersLayout,
    RouteDerive,
    Steps,
    TlvLayout,
    ValueDerive,
)
from firmware_profiles.problems import Path, meant, shown
from firmware_profiles.rules import EventWhen, ParameterLimit, SilenceWhen, StateWhen, ThresholdWhen
from firmware_profiles.schema import CARRIED, Heartbeat, Point, Profile
from firmware_profiles.values import Scalar
from firmware_profiles.variants import covers, numbers

Finding = tuple[Path, str]


def check(profile: Profile) -> list[Finding]:
    """All findings, as path and text; empty when the profile holds together."""
    findings = [
        *_firmware(profile),
        *_points(profile),
        *_fact(profile),
        *_decode(profile),
        *_rules(profile),
        *_rhythm(profile),
        *check_commands(profile),
        *_examples(profile),
    ]
    if (profile.transport == "modbus") != isinstance(profile.decode, RegistersLayout):
        findings.append((("transport",), f"modbus goes with registers, got {profile.transport!r}"))
    return findings


def no_such(what: str, name: str, known: Iterable[str]) -> str:
    """A name that is used but not declared."""
    return f"is no {what} of this profile, got {name!r}{meant(name, known)}"


def _unknown(profile: Profile, path: Path, name: str) -> Iterator[Finding]:
    if name not in profile.points:
        yield path, no_such("point", name, profile.points)


def _not_a_value(point: Point, value: Scalar) -> str | None:
    """Why the point can never hold the value."""
    if point.kind == "measure":
        good = isinstance(value, int | float) and not isinstance(value, bool)
        return None if good else f"a measure is a number, got {shown(value)}"
    if not point.values:
        return None
    if table_text(value) in point.values and isinstance(value, bool) == point.is_boolean:
        return None
    return f"must be one of {', '.join(point.values)}, got {shown(value)}{meant(value, point.values)}"


def _firmware(profile: Profile) -> Iterator[Finding]:
    firmware = profile.firmware
    for end in ("lowest", "highest"):
        version = getattr(firmware, end)
        if version is not None and not numbers(version):
            yield ("firmware", end), f"must hold a number, got {shown(version)}"
    if firmware.lowest is not None and not covers(firmware, numbers(firmware.lowest)):
        yield ("firmware", "lowest"), f"is higher than highest, {shown(firmware.highest)}"


def _points(profile: Profile) -> Iterator[Finding]:
    for name, point in profile.points.items():
        if point.kind == "measure" and point.unit is None:
            yield ("points", name), "a measure needs a unit"
        if point.kind == "measure" and point.range is None:
            yield ("points", name), "a measure needs a range"
        if point.range is not None and point.range[0] >= point.range[1]:
            yield (
                ("points", name, "range"),
                f"the first number must be the lower one, got {list(point.range)}",
            )
        if point.kind == "measure" and point.values:
            yield ("points", name, "values"), "a measure has a range, not values"


def _fact(profile: Profile) -> Iterator[Finding]:
    """The point `firmware` is the version that the device reports: the server takes it for that."""
    point = profile.points.get("firmware")
    if point is not None and (point.kind != "state" or point.values):
        yield ("points", "firmware"), "is the version that the device reports: a state without values"


def layers(profile: Profile) -> Iterator[tuple[Path, dict[str, Steps]]]:
    """Each table of fields with its path."""
    layout = profile.decode
    base: Path = ("decode",)
    if isinstance(layout, JsonLayout | CodecLayout | RegistersLayout):
        yield (*base, "fields"), dict(layout.fields)
    elif isinstance(layout, TlvLayout):
        for name, item in layout.items.items():
            yield (*base, "items", name, "fields"), dict(item.fields)
    elif isinstance(layout, FlagsLayout):
        yield (*base, "fields"), dict(layout.fields)
        for bit, group in layout.groups.items():
            yield (*base, "groups", str(bit), "fields"), dict(group.fields)
    if isinstance(layout, FixedLayout | FlagsLayout):
        for name, frame in layout.frames.items():
            yield (*base, "frames", name, "fields"), dict(frame.fields)
            if frame.records is not None:
                yield (*base, "frames", name, "records", "fields"), dict(frame.records.fields)


def _decode(profile: Profile) -> Iterator[Finding]:
    known = {name for _, fields in layers(profile) for name in fields}
    known |= set(profile.decode.derive)
    for derive in profile.decode.derive.values():
        if isinstance(derive, RouteDerive):
            known |= set(derive.to.values())
    for path, fields in layers(profile):
        for name, steps in fields.items():
            yield from _target(profile, (*path, name), name)
            yield from _steps(profile, (*path, name), name, steps, known)
    yield from _derived(profile, known)
    yield from _sizes(profile)
    layout = profile.decode
    for index, name in enumerate(layout.key):
        if name not in known:
            yield ("decode", "key", index), no_such("field", name, known)
    if layout.time is not None and layout.time.field not in known:
        yield (
            ("decode", "time", "field"),
            no_such("field", layout.time.field, known),
        )
    for name in profile.points:
        if name not in known and name not in CARRIED.get(profile.transport, ()):
            yield ("points", name), "is never written by decode"


def _target(profile: Profile, path: Path, name: str) -> Iterator[Finding]:
    if not name.startswith("_"):
        yield from _unknown(profile, path, name)


def _derived(profile: Profile, known: set[str]) -> Iterator[Finding]:
    for name, derive in profile.decode.derive.items():
        path: Path = ("decode", "derive", name)
        for source in derive.from_ if isinstance(derive, FaultDerive) else (derive.from_,):
            if source not in known:
                yield (*path, "from"), no_such("field", source, known)
        if isinstance(derive, RouteDerive):
            if derive.by not in known:
                yield (*path, "by"), no_such("field", derive.by, known)
            for key, target in derive.to.items():
                yield from _target(profile, (*path, "to", key), target)
            continue
        yield from _target(profile, path, name)
        if isinstance(derive, ValueDerive):
            yield from _steps(profile, path, name, derive, known)


def _factors(steps: Steps) -> Iterator[tuple[Path, Factor]]:
    for index, factor in enumerate(steps.scale):
        yield ("scale", index), factor
    yield ("offset",), steps.offset
    if steps.below is not None:
        yield ("below",), steps.below
    if steps.span is not None:
        for index, factor in enumerate(steps.span.value):
            yield ("span", "value", index), factor


def _steps(profile: Profile, path: Path, name: str, steps: Steps, known: set[str]) -> Iterator[Finding]:
    for inner, factor in _factors(steps):
        if isinstance(factor, ParameterFactor) and factor.parameter not in profile.parameters:
            yield (
                (*path, *inner),
                no_such("parameter", factor.parameter, profile.parameters),
            )
        if isinstance(factor, FieldFactor) and factor.field not in known:
            yield (*path, *inner), no_such("field", factor.field, known)
    if steps.span is not None and steps.span.raw[0] == steps.span.raw[1]:
        yield (*path, "span", "raw"), "the two raw values must differ"
    point = profile.points.get(name)
    if point is None:
        return
    for key, value in steps.enum.items():
        why = _not_a_value(point, value)
        if why:
            yield (*path, "enum", key), why
    for bit, text in steps.one_hot.items():
        why = _not_a_value(point, text)
        if why:
            yield (*path, "one_hot", str(bit)), why


def _sizes(profile: Profile) -> Iterator[Finding]:
    layout = profile.decode
    if isinstance(layout, RegistersLayout):
        yield from _reads(layout)
    elif isinstance(layout, CodecLayout):
        yield from _script(layout)
    elif isinstance(layout, TlvLayout):
        for tag, item in layout.items.items():
            if isinstance(item.length, int):
                yield from _fits(("decode", "items", tag, "fields"), item.fields, item.length)
    elif isinstance(layout, FlagsLayout):
        for bit, group in layout.groups.items():
            yield from _fits(("decode", "groups", str(bit), "fields"), group.fields, group.length)
    elif isinstance(layout, FixedLayout):
        for name, frame in layout.frames.items():
            if frame.match.length:
                yield from _fits(("decode", "frames", name, "fields"), frame.fields, min(frame.match.length))


def _script(layout: CodecLayout) -> Iterator[Finding]:
    size = len(layout.text.encode("utf-8", "replace"))
    if not size:
        yield ("decode", "script"), f"{layout.script} has to stand beside the profile, as UTF-8 text"
    if size > MAXIMUM_SCRIPT_BYTES:
        yield (
            ("decode", "script"),
            f"{layout.script} has {size} bytes, at most {MAXIMUM_SCRIPT_BYTES} are run",
        )


def _fits(path: Path, fields: dict[str, ByteField], length: int) -> Iterator[Finding]:
    for name, field in fields.items():
        end = field.at + (field.length or 1 if field.type in WORDS else SIZES[field.type])
        if end > length:
            yield (*path, name), f"ends at byte {end}, but there are only {length}"


def _reads(layout: RegistersLayout) -> Iterator[Finding]:
    covered = []
    for index, read in enumerate(layout.reads):
        fc = read.fc or layout.fc
        covered.append((fc, read.address, read.address + read.count))
        if fc >= 3 and read.count > 125:
            yield ("decode", "reads", index, "count"), f"at most 125 registers in one read, got {read.count}"
    for name, field in layout.fields.items():
        fc = field.fc or layout.fc
        end = field.address + (1 if fc <= 2 else register_count(field))
        if not any(fc == other and start <= field.address and end <= stop for other, start, stop in covered):
            yield (
                ("decode", "fields", name),
                f"registers {field.address} to {end - 1} of function {fc} stand in no single read",
            )


def _rules(profile: Profile) -> Iterator[Finding]:
    for key, rule in profile.rules.items():
        when = rule.when
        if isinstance(when, SilenceWhen):
            continue
        path: Path = ("rules", key, "when")
        yield from _unknown(profile, (*path, "point"), when.point)
        point = profile.points.get(when.point)
        if isinstance(when, ThresholdWhen):
            for side in ("above", "below", "clear", "around"):
                limit = getattr(when, side)
                if isinstance(limit, ParameterLimit) and limit.parameter not in profile.parameters:
                    yield (
                        (*path, side, "parameter"),
                        no_such("parameter", limit.parameter, profile.parameters),
                    )
        if point is None:
            continue
        wanted = {"threshold": "measure", "rate": "measure", "state": "state", "event": "event"}[when.kind]
        if point.kind != wanted:
            yield (
                (*path, "point"),
                f"a {when.kind} rule looks at a {wanted}, {when.point!r} is a {point.kind}",
            )
        if isinstance(when, StateWhen | EventWhen):
            for index, value in enumerate(when.values):
                why = _not_a_value(point, value)
                if why:
                    yield (*path, "values", index), why


def _rhythm(profile: Profile) -> Iterator[Finding]:
    heartbeat, battery, test = profile.heartbeat, profile.battery, profile.commissioning
    if heartbeat is not None and heartbeat.default not in heartbeat.modes:
        yield (
            ("heartbeat", "default"),
            no_such("mode", heartbeat.default, heartbeat.modes),
        )
    if heartbeat is not None:
        for name, mode in heartbeat.modes.items():
            if mode.silent_after <= mode.every:
                yield ("heartbeat", "modes", name, "silent_after"), "must be longer than every"
        yield from _modes(profile, heartbeat)
    if battery is not None and battery.point is not None:
        yield from _unknown(profile, ("battery", "point"), battery.point)
    if battery is not None and battery.kind in ("percent", "volts", "flag") and battery.point is None:
        yield ("battery", "point"), "is missing"
    if battery is not None and battery.kind in ("percent", "volts") and battery.low is None:
        yield ("battery", "low"), "is missing"
    if test is not None:
        yield from _unknown(profile, ("commissioning", "point"), test.point)
        point = profile.points.get(test.point)
        for index, value in enumerate(test.values if point is not None else ()):
            why = _not_a_value(point, value) if point is not None else None
            if why:
                yield ("commissioning", "values", index), why


def _modes(profile: Profile, heartbeat: Heartbeat) -> Iterator[Finding]:
    """The state that tells the mode, and its values."""
    if heartbeat.by is not None:
        yield from _unknown(profile, ("heartbeat", "by"), heartbeat.by)
    point = profile.points.get(heartbeat.by or "")
    if point is not None and point.kind != "state":
        yield ("heartbeat", "by"), f"a mode is told by a state, {heartbeat.by!r} is a {point.kind}"
    for name, mode in heartbeat.modes.items():
        path: Path = ("heartbeat", "modes", name)
        if mode.when and heartbeat.by is None:
            yield (*path, "when"), "needs the point that tells the mode: heartbeat.by"
        if not mode.when and heartbeat.by is not None and name != heartbeat.default:
            yield path, "is never told: it needs when"
        for index, value in enumerate(mode.when if point is not None else ()):
            why = _not_a_value(point, value) if point is not None else None
            if why:
                yield (*path, "when", index), why


def _examples(profile: Profile) -> Iterator[Finding]:
    for index, example in enumerate(profile.examples):
        path: Path = ("examples", index)
        given = [
            key
            for key in ("hex", "json", "text", "registers")
            if key in _input_keys(example.input.model_fields_set)
        ]
        if len(given) != 1:
            yield (
                (*path, "input"),
                f"needs one of hex, json, text, registers, got {', '.join(given) or 'none'}",
            )
        for name in example.input.parameters:
            if name not in profile.parameters:
                yield (
                    (*path, "input", "parameters", name),
                    no_such("parameter", name, profile.parameters),
                )
        answers = [
            example.points is not None or bool(example.status),
            bool(example.samples),
            example.refusal is not None,
        ]
        if sum(answers) != 1:
            yield path, "expects one of points (with status, bad, time, key), samples, refusal"
        reasons = [reason.value for reason in RefusalReason]
        if example.refusal is not None and example.refusal not in reasons:
            yield (
                (*path, "refusal"),
                no_such("reason", example.refusal, reasons),
            )
        for number, sample in enumerate(example.samples):
            yield from _expected(profile, (*path, "samples", number), sample.points, sample.status)
        yield from _expected(profile, path, example.points or {}, example.status)


def _input_keys(names: set[str]) -> set[str]:
    return {"json" if name == "json_" else name for name in names}


def _expected(
    profile: Profile, path: Path, points: dict[str, Scalar], status: dict[str, str]
) -> Iterator[Finding]:
    for name in points:
        yield from _unknown(profile, (*path, "points", name), name)
    for name in status:
        yield from _unknown(profile, (*path, "status", name), name)
