"""Firmware versions and the variants of a model."""

from pathlib import Path

import pytest

from firmware_profiles import Catalogue, FirmwareFit, Profile, ProfileErrors, load_catalogue, parse_profile
from firmware_profiles.generate.yaml_text import yaml_text
from firmware_profiles.variants import covers, numbers
from tests.unit.firmware_profiles.making import document, measure

JSON = {"kind": "json", "fields": {"level": {"path": "a"}}}


def variant(name: str, **firmware: str) -> Profile:
    more = {"firmware": firmware} if firmware else {}
    return parse_profile({**document(JSON, {"level": measure()}, **more), "id": name})


def catalogue(*profiles: Profile) -> Catalogue:
    return Catalogue({profile.id: profile for profile in profiles})


OLD = variant("m-old", highest="1.2")
NEW = variant("m-new", lowest="1.3", highest="2.0")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("v1.10-rc2", (1, 10, 2)),
        ("1.0", (1,)),
        ("0", (0,)),
        ("3000-0001", (3000, 1)),
        ("latest", ()),
        ("", ()),
    ],
)
def test_numbers_of_a_version(text: str, found: tuple[int, ...]) -> None:
    assert numbers(text) == found


@pytest.mark.parametrize(
    ("firmware", "chosen", "fit"),
    [
        ("", "m-old", FirmwareFit.NOT_STATED),
        ("1.2", "m-old", FirmwareFit.FITS),
        ("1.2.9", "m-old", FirmwareFit.FITS),
        ("1.3", "m-new", FirmwareFit.FITS),
        ("V1.10", "m-new", FirmwareFit.FITS),
        ("2.0.1", "m-new", FirmwareFit.FITS),
        ("2.1", "m-old", FirmwareFit.UNKNOWN),
        ("latest", "m-old", FirmwareFit.UNKNOWN),
    ],
)
def test_the_variant_for_a_version(firmware: str, chosen: str, fit: FirmwareFit) -> None:
    found = catalogue(OLD, NEW).variant("m-old", firmware)
    assert (found.profile.id, found.fit) == (chosen, fit)


def test_a_stated_range_goes_before_one_for_all_versions() -> None:
    models = catalogue(variant("m-any"), NEW)
    assert models.variant("m-any", "1.5").profile.id == "m-new"
    assert models.variant("m-new", "9").profile.id == "m-any"


def test_another_transport_is_another_device() -> None:
    other = parse_profile(
        {**OLD.document(), "id": "m-lora", "transport": "lorawan", "firmware": {"lowest": "9"}}
    )
    assert catalogue(OLD, other).variant("m-old", "9.1").fit is FirmwareFit.UNKNOWN


def test_without_ranges_every_version_fits() -> None:
    assert catalogue(variant("m")).variant("m", "77").fit is FirmwareFit.FITS


def test_zeros_at_the_end_mean_nothing() -> None:
    assert covers(NEW.firmware, numbers("1.3.0"))
    assert covers(variant("m", lowest="1.3.0").firmware, numbers("1.3"))


@pytest.mark.parametrize(
    ("firmware", "why"),
    [
        ({"lowest": "new"}, "firmware.lowest: must hold a number, got 'new'"),
        ({"lowest": "2.0", "highest": "1.9"}, "firmware.lowest: is higher than highest, '1.9'"),
    ],
)
def test_a_range_has_to_make_sense(firmware: dict[str, str], why: str) -> None:
    with pytest.raises(ProfileErrors) as caught:
        variant("m", **firmware)
    assert why in str(caught.value)


def test_variants_must_not_claim_the_same_versions(tmp_path: Path) -> None:
    for profile in (variant("m-a", highest="1.3"), variant("m-b", lowest="1.3.7")):
        (tmp_path / f"{profile.id}.yaml").write_text(yaml_text(profile.document()))
    with pytest.raises(ProfileErrors, match="'m-a' and 'm-b' claim the same versions of V M"):
        load_catalogue(tmp_path)
    (tmp_path / "m-b.yaml").write_text(yaml_text(variant("m-b", lowest="1.4").document()))
    assert set(load_catalogue(tmp_path)) == {"m-a", "m-b"}
