"""Profiles of one model that differ by firmware: which of them is for the version that a device states.

Variants have the same vendor, model and transport, and say so by their `firmware` ranges. A version is
the row of numbers in its text: `v1.10-rc2` is 1, 10, 2 and stands after 1.9. `highest: 1.2` takes in all of
1.2.x.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from firmware_profiles.schema import Firmware, Profile

MOST_NUMBERS = 8


class FirmwareFit(StrEnum):
    """What is known of a device's version."""

    FITS = "fits"
    NOT_STATED = "not_stated"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Variant:
    """The profile to read a device with. With UNKNOWN no variant is for that version: the profile is the one
    that was asked about, and what it makes of the payloads is to be looked at."""

    profile: Profile
    fit: FirmwareFit


def choose(profile: Profile, variants: Iterable[Profile], firmware: str) -> Variant:
    """The variant for a version. One that states a range goes before one that is for all versions, and the
    profile that was asked about before its variants."""
    if not firmware.strip():
        return Variant(profile, FirmwareFit.NOT_STATED)
    version = numbers(firmware)
    ranked = sorted(
        (item for item in (profile, *variants) if covers(item.firmware, version)),
        key=lambda item: (not is_bounded(item.firmware), item.id != profile.id, item.id),
    )
    return Variant(ranked[0], FirmwareFit.FITS) if ranked else Variant(profile, FirmwareFit.UNKNOWN)


def numbers(version: str) -> tuple[int, ...]:
    """The numbers in a version's text, without zeros at its end; empty where there are none."""
    found = [int(part) for part in re.findall(r"\d{1,12}", version, re.ASCII)[:MOST_NUMBERS]]
    while found and found[-1] == 0:
        found.pop()
    return tuple(found) if found or not re.search(r"\d", version, re.ASCII) else (0,)


def is_bounded(firmware: Firmware) -> bool:
    """Whether it states a range at all."""
    return firmware.lowest is not None or firmware.highest is not None


def covers(firmware: Firmware, version: Sequence[int]) -> bool:
    """Whether the range holds the version. What has no numbers lies in no stated range."""
    if not is_bounded(firmware):
        return True
    if not version:
        return False
    if firmware.lowest is not None and _padded(version) < _padded(numbers(firmware.lowest)):
        return False
    return firmware.highest is None or not _is_over(version, firmware.highest)


def overlapping(profiles: Iterable[Profile]) -> list[tuple[Profile, Profile]]:
    """Pairs of variants that claim the same versions: for them nobody could say which one it is."""
    return [
        (first, second)
        for first, second in combinations(profiles, 2)
        if _model(first) == _model(second)
        and is_bounded(first.firmware) == is_bounded(second.firmware)
        and (_meets(first.firmware, second.firmware) and _meets(second.firmware, first.firmware))
    ]


def _meets(one: Firmware, other: Firmware) -> bool:
    """Whether `one` begins before `other` ends."""
    return one.lowest is None or other.highest is None or not _is_over(numbers(one.lowest), other.highest)


def _is_over(version: Sequence[int], highest: str) -> bool:
    written = re.findall(r"\d{1,12}", highest, re.ASCII)[:MOST_NUMBERS]
    most = tuple(int(part) for part in written)
    return _padded(version)[: len(most)] > most


def _padded(version: Sequence[int]) -> tuple[int, ...]:
    return (*version, *(0,) * (MOST_NUMBERS - len(version)))


def _model(profile: Profile) -> tuple[str, str, str]:
    return profile.vendor.casefold(), profile.model.casefold(), profile.transport
