"""Desired state: is a document fit to be applied, and what does it change against the one in force.

A document is taken whole or not at all. All reasons against it are given at once, each with its place.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from edge.driver import EdgeDevice
from firmware_profiles.load import parse_profile
from firmware_profiles.problems import ProfileErrors
from firmware_profiles.schema import Profile
from gateway import wire
from gateway.rules.model import Condition, Rate, Rule, Silence, State, Threshold

FRAME_MS: Final = (100, 5_000)
"""A longer frame would break the bound on what a power cut may cost."""
HEALTH_MS: Final = (1_000, 3_600_000)
REASONS_TOLD: Final = 20
_SIGNS: Final = {"above": 1, "below": -1}


class DesiredError(ValueError):
    """The document can't be applied; `reasons` says all that is wrong, each with its place."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        more = "" if len(reasons) <= REASONS_TOLD else f"; and {len(reasons) - REASONS_TOLD} more"
        super().__init__("; ".join(reasons[:REASONS_TOLD]) + more)
        self.reasons = reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A document that was found fit: its devices by driver, and its rules."""

    message: wire.DesiredMessage
    devices: Mapping[str, tuple[EdgeDevice, ...]]

    @property
    def rules(self) -> list[Rule]:
        return self.message.rules

    def device_at(self) -> dict[str, str]:
        """The device of each position (the last one, should there be several)."""
        return {device.position: device.id for device in self.message.devices}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What has to be done to get from one document to another. Ids of devices, names of drivers."""

    added: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    drivers: frozenset[str] = frozenset()
    rules: bool = False
    intervals: bool = False

    def __bool__(self) -> bool:
        return bool(self.drivers or self.rules or self.intervals)


@dataclass(slots=True)
class _Reading:
    """A document being read: what was found wrong so far."""

    message: wire.DesiredMessage
    drivers: Collection[str]
    reasons: list[str] = field(default_factory=list)
    profiles: dict[str, Profile] = field(default_factory=dict)


def read_desired(message: wire.DesiredMessage, drivers: Collection[str]) -> Wanted:
    """The document, fit to be applied by a gateway that has `drivers`. Raises DesiredError."""
    state = _Reading(message, drivers)
    _read_profiles(state)
    devices = _read_devices(state)
    _check_rules(state)
    for name, value, (least, most) in (
        ("frame_ms", message.frame_ms, FRAME_MS),
        ("health_ms", message.health_ms, HEALTH_MS),
    ):
        if not least <= value <= most:
            state.reasons.append(f"{name}: {value}, must be {least} to {most}")
    if state.reasons:
        raise DesiredError(tuple(state.reasons))
    return Wanted(message=message, devices=devices)


def difference(old: Wanted | None, new: Wanted) -> Difference:
    """What `new` changes. Nothing, if it says the same in another order or under another version."""
    before = _devices(old)
    after = _devices(new)
    added, removed = after.keys() - before.keys(), before.keys() - after.keys()
    changed = {name for name in after.keys() & before.keys() if after[name] != before[name]}
    drivers = {after[name][0] for name in added | changed} | {before[name][0] for name in removed | changed}
    return Difference(
        added=frozenset(added),
        removed=frozenset(removed),
        changed=frozenset(changed),
        drivers=frozenset(drivers),
        rules=old is None or _rules(old) != _rules(new) or old.device_at() != new.device_at(),
        intervals=old is None
        or (old.message.frame_ms, old.message.health_ms) != (new.message.frame_ms, new.message.health_ms),
    )


def _devices(wanted: Wanted | None) -> dict[str, tuple[str, EdgeDevice]]:
    by_driver = {} if wanted is None else wanted.devices
    return {device.id: (driver, device) for driver, devices in by_driver.items() for device in devices}


def _rules(wanted: Wanted) -> dict[tuple[str, str], Rule]:
    return {(rule.position, rule.id): rule for rule in wanted.rules}


def _read_profiles(state: _Reading) -> None:
    for name, document in state.message.profiles.items():
        try:
            profile = parse_profile(document, file=f"profiles.{name}")
        except ProfileErrors as error:
            state.reasons += [str(problem) for problem in error.problems]
            continue
        state.profiles[name] = profile
        if profile.id != name:
            state.reasons.append(f"profiles.{name}: its id is {profile.id!r}")


def _read_devices(state: _Reading) -> dict[str, tuple[EdgeDevice, ...]]:
    found: dict[str, list[EdgeDevice]] = {}
    for name, count in Counter(device.id for device in state.message.devices).items():
        if count > 1:
            state.reasons.append(f"devices: {count} devices with the id {name!r}")
    for device in state.message.devices:
        place = f"devices.{device.id}"
        if device.driver not in state.drivers:
            known = ", ".join(sorted(state.drivers))
            state.reasons.append(f"{place}.driver: {device.driver!r} is none of {known}")
        if device.profile not in state.message.profiles:
            state.reasons.append(f"{place}.profile: {device.profile!r} is not among the profiles sent")
        profile = state.profiles.get(device.profile)
        if profile is not None:
            found.setdefault(device.driver, []).append(
                EdgeDevice(
                    id=device.id,
                    position=device.position,
                    profile=profile,
                    address=device.address,
                    parameters=device.parameters,
                )
            )
    return {driver: tuple(devices) for driver, devices in found.items()}


def _check_rules(state: _Reading) -> None:
    points: dict[str, set[str]] = {}
    whole: set[str] = set()
    for device in state.message.devices:
        profile = state.profiles.get(device.profile)
        points.setdefault(device.position, set()).update(profile.points if profile is not None else ())
        if profile is None:
            whole.add(device.position)  # its profile's own reason is enough
    for (position, name), count in Counter((rule.position, rule.id) for rule in state.message.rules).items():
        if count > 1:
            state.reasons.append(f"rules.{name}: {count} rules with this id at position {position!r}")
    for rule in state.message.rules:
        place = f"rules.{rule.id} at position {rule.position!r}"
        if rule.position not in points:
            state.reasons.append(f"{place}: there is no device at this position")
            continue
        point = getattr(rule.when, "point", None) or getattr(rule.when, "by", None) or None
        if point is not None and point not in points[rule.position] and rule.position not in whole:
            known = ", ".join(sorted(points[rule.position]))
            state.reasons.append(f"{place}: its device has no point {point!r}, only {known}")
        state.reasons += [f"{place}: {reason}" for reason in _faults(rule.when)]


def _faults(when: Condition) -> Iterator[str]:
    """Conditions that are well formed but could never become true, or never end."""
    for name in ("for_ms", "debounce_ms"):
        if getattr(when, name, 0) < 0:
            yield f"{name} is negative"
    match when:
        case Threshold(side=side, limit=limit, clear=float() | int() as clear) if (clear - limit) * _SIGNS[
            side
        ] > 0:
            yield f"clear {clear} lies on the alarming side of the limit {limit}"
        case State(values=()):
            yield "no values"
        case Rate() if when.change == 0 or when.within_ms <= 0:
            yield "change and within_ms must not be 0"
        case Silence() if min(when.after_ms, *(mode.after_ms for mode in when.modes), when.after_ms) <= 0:
            yield "after_ms must be more than 0"
        case _:
            return
