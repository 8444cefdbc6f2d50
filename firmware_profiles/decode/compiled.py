"""Decode kind `registers`, compiled: what a profile makes of one set of registers, worked out once.

A poll reads the same places each time. For them a plan knows the bytes of every field (one `struct` for all;
the words are picked in the order that a field wants them in), the arithmetic of plain measures, and the
bounds of their points. All else (enums, bits, factors that are other fields, derived values) goes the same
way as step by step. So does a payload that fits no plan; tests hold both ways to the same answers.
"""

import struct
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, Final, NamedTuple

from firmware_profiles.decode.measures import Measure, measure
from firmware_profiles.decode.model import RawField, RegisterPayload, Registers, Sample, Value
from firmware_profiles.decode.numbers import SIZES, unpack
from firmware_profiles.decode.points import derive_all, evaluate, make_sample, wants_number
from firmware_profiles.decode.registers import places, swaps_bytes, swaps_words
from firmware_profiles.decode.steps import UNREADABLE, Surroundings, needs_fields
from firmware_profiles.layouts import RegisterField, RegistersLayout
from firmware_profiles.schema import Profile

MOST_PLANS: Final = 64
"""Sets of places for which a profile keeps plans: polls that broke off half-way have sets of their own."""

_CODES: Final = {
    "u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "i32": "i", "u64": "Q", "i64": "q",
}  # fmt: skip
_PLAIN: Final = _CODES | {"f32": "f"}
"""Rounding a float to its seven digits is the plain measure's own business."""
_ANY: Final = (float("-inf"), float("inf"))
_Place = tuple[int, int]


class NoPlanError(Exception):
    """A word is no register's value."""


class _Slot(NamedTuple):
    """A plain measure."""

    name: str
    sentinels: Mapping[int, str]
    divisor: int | None
    convert: Callable[[Any], float | None] | None
    low: float
    high: float


class _Other(NamedTuple):
    """Any other field. `read` makes a number of its bytes, where `struct` can't."""

    name: str
    field: RegisterField
    read: Callable[[bytes], float | None] | None
    wants_number: bool


class RegisterPlan:
    """Made for a profile and the places that a payload has. `useful` if any field of the profile is there."""

    def __init__(self, profile: Profile, layout: RegistersLayout, given: tuple[_Place, ...]) -> None:
        self._profile = profile
        at = {place: index for index, place in enumerate(given)}
        fields = {
            name: field
            for name, field in layout.fields.items()
            if all(place in at for place in places(layout, field))
        }
        written = _written_later(layout)
        plain: dict[str, Measure] = {}
        for name in profile.points:
            if name in fields and name not in written and wants_number(profile, name):
                one = _measure(layout, fields[name])
                if one is not None:
                    plain[name] = one
        others = sorted(
            (name for name in fields if name not in plain), key=lambda name: needs_fields(fields[name])
        )
        self.useful = bool(fields)
        self._slots = tuple(_slot(profile, name, one) for name, one in plain.items())
        self._others = tuple(
            _Other(name, fields[name], _reader(layout, fields[name]), wants_number(profile, name))
            for name in others
        )
        # Nothing can come out but what the slots say: no second look at each point is needed.
        self._complete = not (others or layout.derive or layout.time or layout.key)
        # Devices with many equal channels are usual: those are taken at once while all of them are in order.
        self._alike = self._complete and _are_alike(self._slots)
        self._names = tuple(plain)
        wanted = [at[word] for name in (*plain, *others) for word in _words(layout, fields[name])]
        parts = [_format(layout, fields[name], _PLAIN) for name in plain]
        parts += [_format(layout, fields[name], _CODES) for name in others]
        # All words are packed, and so looked at; what is wanted stands before the others.
        order = [*wanted, *sorted(set(range(len(given))).difference(wanted))]
        self._pick: Callable[[tuple[int, ...]], tuple[int, ...]] | None = None
        if order != list(range(len(given))):
            self._pick = itemgetter(*order, order[0])  # one more: a single one would come without its tuple
            parts.append("2x")
        self._pack = struct.Struct(f">{len(order) + (self._pick is not None)}H").pack
        self._unpack = struct.Struct(">" + "".join(parts) + "2x" * (len(order) - len(wanted))).unpack

    def sample(self, words: tuple[int, ...], parameters: Mapping[str, float]) -> Sample:
        """What the words at the plan's places say. Raises NoPlanError."""
        try:
            raws = self._unpack(self._pack(*(words if self._pick is None else self._pick(words))))
        except struct.error as error:
            raise NoPlanError from error
        if self._alike:
            numbers = self._in_order(raws)
            if numbers is not None:
                return Sample(dict(zip(self._names, numbers, strict=True)))
        values: dict[str, Value] = {}
        status: dict[str, str] = {}
        bad: list[str] = []
        for (name, sentinels, divisor, convert, low, high), raw in zip(self._slots, raws, strict=False):
            if sentinels and raw in sentinels:
                status[name] = sentinels[raw]
                continue
            value = raw
            if divisor is not None:
                value = raw / divisor
            elif convert is not None:
                value = convert(raw)
                if value is None:
                    status[name] = UNREADABLE
                    continue
            values[name] = value
            if not low <= value <= high:
                bad.append(name)
        if self._complete:
            return Sample(values, status, frozenset(bad))
        around = Surroundings(values, status, parameters)
        for other, raw in zip(self._others, raws[len(self._slots) :], strict=True):
            number = raw if other.read is None else other.read(raw)
            field = RawField(other.name, number, other.field, "")
            evaluate(field, around, values, status, wants_number=other.wants_number)
        derive_all(self._profile, around, values, status)
        return make_sample(self._profile, values, status)

    def _in_order(self, raws: tuple[Any, ...]) -> Sequence[float] | None:
        """The values of channels that are alike; None if one has a status or stands outside its range."""
        _, sentinels, divisor, _, low, high = self._slots[0]
        if not sentinels.keys().isdisjoint(raws):
            return None
        numbers: Sequence[float] = raws if divisor is None else [raw / divisor for raw in raws]
        return numbers if low <= min(numbers) and max(numbers) <= high else None


def _are_alike(slots: tuple[_Slot, ...]) -> bool:
    kinds = {(tuple(slot.sentinels.items()), slot.divisor, slot.low, slot.high) for slot in slots}
    return len(kinds) == 1 and all(slot.convert is None for slot in slots)


def _written_later(layout: RegistersLayout) -> set[str]:
    """Values that come, or may come, from others: what their own field says is not the last word."""
    names = set(layout.derive)
    for derive in layout.derive.values():
        if derive.kind == "route":
            names.update(derive.to.values())
    return names


def _slot(profile: Profile, name: str, one: Measure) -> _Slot:
    low, high = profile.points[name].range or _ANY
    return _Slot(name, one.sentinels, one.divisor, one.convert, low, high)


def _words(layout: RegistersLayout, field: RegisterField) -> list[_Place]:
    """The field's registers, the one with the highest bits first."""
    found = list(places(layout, field))
    return found[::-1] if swaps_words(layout, field) else found


def _measure(layout: RegistersLayout, field: RegisterField) -> Measure | None:
    bit = (field.fc or layout.fc) <= 2
    return None if bit or swaps_bytes(layout, field) else measure(field)


def _format(layout: RegistersLayout, field: RegisterField, codes: Mapping[str, str]) -> str:
    """The field as `struct` has it: all its registers as bytes where these are put into order first."""
    if (field.fc or layout.fc) <= 2:
        return "H"
    length = 2 * len(places(layout, field))
    if swaps_bytes(layout, field):
        return f"{length}s"
    start, size = _within(field, length)
    return f"{start}x{codes.get(field.type, f'{size}s')}{length - start - size}x"


def _within(field: RegisterField, length: int) -> tuple[int, int]:
    """Where in its registers the field begins, and how many bytes it has."""
    size = SIZES[field.type]
    return (length - size if field.byte is None else field.byte), size


def _reader(layout: RegistersLayout, field: RegisterField) -> Callable[[bytes], float | None] | None:
    if (field.fc or layout.fc) <= 2:
        return None
    kind = field.type
    if swaps_bytes(layout, field):
        start, size = _within(field, 2 * len(places(layout, field)))

        def swapped(data: bytes) -> float | None:
            turned = bytearray(data)
            turned[::2], turned[1::2] = data[1::2], data[::2]
            return unpack(kind, bytes(turned[start : start + size]), "big")

        return swapped
    return None if kind in _CODES else lambda data: unpack(kind, data, "big")


_Plans = dict[tuple[_Place, ...], RegisterPlan]
_KEPT: Final[dict[int, tuple[weakref.ref[Profile], _Plans]]] = {}
"""Plans by the identity of their profile, for as long as it lives: a pure cache."""


def quick_sample(
    profile: Profile, payload: RegisterPayload, parameters: Mapping[str, float]
) -> Sample | None:
    """What the profile makes of the registers, by a plan that is made at the first payload of its kind. None
    where the payload has to be taken step by step: nothing of the profile's in it, or what is no register."""
    layout, values = profile.decode, payload.values
    if not values or not isinstance(layout, RegistersLayout):
        return None
    if isinstance(values, Registers):
        given, words = values.places, values.words
    else:
        given, words = tuple(values), tuple(values.values())
    plans = _plans_of(profile)
    plan = plans.get(given)
    if plan is None:
        if len(plans) >= MOST_PLANS:
            plans.clear()
        plan = plans[given] = RegisterPlan(profile, layout, given)
    if not plan.useful:
        return None
    try:
        return plan.sample(words, parameters)
    except NoPlanError:
        return None


def _plans_of(profile: Profile) -> _Plans:
    identity = id(profile)
    kept = _KEPT.get(identity)
    if kept is None or kept[0]() is not profile:
        kept = weakref.ref(profile, partial(_KEPT.pop, identity)), {}
        _KEPT[identity] = kept
    return kept[1]
