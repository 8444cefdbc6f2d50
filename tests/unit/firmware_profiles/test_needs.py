"""What real devices need of the language: each need has a model that uses it and an example that shows it."""

from collections.abc import Callable, Iterator

import pytest

from firmware_profiles import Profile, load_catalogue
from firmware_profiles.check import layers
from firmware_profiles.layouts import (
    FieldFactor,
    FixedLayout,
    FlagsLayout,
    ParameterFactor,
    RegistersLayout,
    Steps,
    TlvLayout,
    ValueDerive,
)

CATALOGUE = load_catalogue()


def steps(profile: Profile) -> Iterator[Steps]:
    """All fields and derived values."""
    for _, fields in layers(profile):
        yield from fields.values()
    yield from (one for one in profile.decode.derive.values() if isinstance(one, ValueDerive))


def types(profile: Profile) -> set[str]:
    return {str(getattr(one, "type", "")) for one in steps(profile)}


def factors(profile: Profile) -> list[object]:
    return [factor for one in steps(profile) for factor in (*one.scale, one.offset, one.below)]


def _by_discriminator(profile: Profile) -> bool:
    layout = profile.decode
    return isinstance(layout, FixedLayout) and any(
        frame.match.bytes and (frame.match.length or frame.match.minimum) for frame in layout.frames.values()
    )


def _by_port_and_length(profile: Profile) -> bool:
    layout = profile.decode
    return isinstance(layout, FixedLayout) and any(
        frame.match.port and frame.match.length for frame in layout.frames.values()
    )


def _tlv(order: str) -> Callable[[Profile], bool]:
    return lambda profile: isinstance(profile.decode, TlvLayout) and profile.decode.order == order


def _history(profile: Profile) -> bool:
    layout = profile.decode
    apart = isinstance(layout, TlvLayout) and any(item.apart for item in layout.items.values())
    shown = any(sample.time for example in profile.examples for sample in example.expected)
    return apart and layout.time is not None and shown


def _level_from_distance(profile: Profile) -> bool:
    return any(isinstance(one.below, ParameterFactor) for one in steps(profile)) and any(
        "mount_height" in example.input.parameters and "water_level" in (example.points or {})
        for example in profile.examples
    )


def _sentinel_shown(profile: Profile) -> bool:
    statuses = {text for one in steps(profile) for text in one.sentinels.values()}
    said = {text for example in profile.examples for text in example.status.values()}
    return bool(statuses & said)


NEEDS: dict[str, Callable[[Profile], bool]] = {
    "1 frames by port and length": _by_port_and_length,
    "1 frames by a discriminator": _by_discriminator,
    "2 TLV, little end first": _tlv("little"),
    "2 TLV, big end first": _tlv("big"),
    "3 flags, then groups": lambda profile: isinstance(profile.decode, FlagsLayout),
    "4 bit ranges": lambda profile: any(":" in str(one.bits) for one in steps(profile)),
    **{
        f"5 type {kind}": lambda profile, kind=kind: kind in types(profile)  # type: ignore[misc]  # bound early
        for kind in ("u8", "i8", "u16", "i16", "u24", "u32", "i32", "f32", "bcd16")
    },
    "5 time of the device": lambda profile: profile.decode.time is not None,
    "5 word order CDAB": lambda profile: (
        isinstance(profile.decode, RegistersLayout) and profile.decode.order == "CDAB"
    ),
    "6 scale and offset": lambda profile: any(one.scale and one.offset for one in steps(profile)),
    "6 parameter of the unit": lambda profile: any(
        isinstance(one, ParameterFactor) for one in factors(profile)
    ),
    "6 scale from another field": lambda profile: any(
        isinstance(one, FieldFactor) for one in factors(profile)
    ),
    "7 sentinel becomes a status": _sentinel_shown,
    "8 enum": lambda profile: any(one.enum for one in steps(profile)),
    "8 one hot": lambda profile: any(one.one_hot for one in steps(profile)),
    "9 battery in %": lambda profile: profile.battery is not None and profile.battery.kind == "percent",
    "9 battery in volts": lambda profile: profile.battery is not None and profile.battery.kind == "volts",
    "9 one low flag": lambda profile: profile.battery is not None and profile.battery.kind == "flag",
    "10 history with own times": _history,
    "11 level under a sensor": _level_from_distance,
    **{
        f"12 {kind}": lambda profile, kind=kind: any(p.kind == kind for p in profile.points.values())  # type: ignore[misc]  # bound early
        for kind in ("event", "state", "measure")
    },
}


@pytest.mark.parametrize("need", NEEDS)
def test_a_model_uses_it(need: str) -> None:
    assert [profile.id for profile in CATALOGUE.values() if NEEDS[need](profile)]


def test_real_models_have_variants() -> None:
    for profile_id, version, wanted in (
        ("dragino-ldds75", "1.1.1", "dragino-ldds75-1-1-3"),
        ("dragino-ldds75", "v1.1.4", "dragino-ldds75"),
        ("dragino-ldds20-1-1-3", "1.2", "dragino-ldds20"),
        ("mclimate-flood-sensor", "1.4", "mclimate-flood-sensor-1-4"),
        ("mclimate-flood-sensor-1-4", "1.5", "mclimate-flood-sensor"),
    ):
        variant = CATALOGUE.variant(profile_id, version)
        assert (variant.profile.id, variant.fit) == (wanted, "fits")
    assert CATALOGUE.variant("moko-lw004-pb", "V2.0.1").fit == "unknown"
