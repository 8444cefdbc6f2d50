"""By what a device calls help: told by its rules, not by its family."""

import pytest

from firmware_profiles import Catalogue, load_catalogue
from server.devices.helping import Help, helps_of

NO_HELP = (
    "browan-tbms100",
    "elsys-ers",
    "elsys-ers-eye",
    "elsys-ems-desk",
    "milesight-vs370",
    "netvox-rb11e",
    "sonoff-snzb-06p",
)


@pytest.fixture(scope="module")
def packaged() -> Catalogue:
    """The packaged profiles."""
    return load_catalogue()


@pytest.mark.parametrize("profile", NO_HELP)
def test_a_presence_sensor_of_the_family_fall_calls_no_help(packaged: Catalogue, profile: str) -> None:
    assert packaged[profile].family == "fall"
    assert helps_of(packaged[profile]) == frozenset()


def test_every_button_calls_help_and_a_tracker_both_ways(packaged: Catalogue) -> None:
    for profile in packaged.values():
        if profile.family == "button":
            assert Help.BUTTON in helps_of(profile), profile.id
    assert helps_of(packaged["moko-lw004-pb"]) == {Help.BUTTON, Help.FALL}
    assert helps_of(packaged["milesight-vs373"]) == {Help.FALL}
    assert helps_of(packaged["webhook-cover"]) == frozenset()
    assert helps_of(None) == frozenset()
