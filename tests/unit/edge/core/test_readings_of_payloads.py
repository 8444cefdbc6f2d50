"""Whatever devices and network servers say: readings, and none out of its points' ranges that is not bad."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.compose import Origin, compose
from edge.readings import Quality
from firmware_profiles import Payload, Profile, Refusal, Sample, decode
from tests.unit.firmware_profiles.decode.test_never_raises import CATALOGUE, QUICK, payloads

NOW_MS = 1_780_000_000_000
RADIO = ("rssi", "snr", "linkquality")


def signals() -> st.SearchStrategy[dict[str, float] | None]:
    return st.none() | st.dictionaries(st.sampled_from(RADIO), st.floats() | st.integers(-200, 300))


def check(profile: Profile, origin: Origin, samples: tuple[Sample, ...]) -> None:
    for reading in compose(origin, samples).readings:
        for name, value in reading.points.items():
            limits = profile.points[name].range
            inside = limits is None or isinstance(value, str | bool) or limits[0] <= value <= limits[1]
            assert inside == (reading.quality is not Quality.BAD)


@pytest.mark.parametrize("profile", CATALOGUE.values(), ids=list(CATALOGUE))
def test_no_payload_leaves_a_range_unmarked(profile: Profile) -> None:
    @settings(QUICK, max_examples=25)
    @given(payloads(profile), signals(), st.booleans())
    def run(payload: Payload, signal: dict[str, float] | None, retained: bool) -> None:
        try:
            samples = decode(profile, payload).samples
        except Refusal:
            samples = (Sample({}),)
        origin = Origin(
            device="d", position="p", profile=profile, received_ms=NOW_MS, signal=signal, retained=retained
        )
        check(profile, origin, samples)

    run()
