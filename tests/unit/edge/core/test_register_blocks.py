"""Whatever stands in registers: no exception out of plan or decoder, no value out of range unmarked."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.compose import Origin, compose
from edge.core.plan import PlanError, Want, plan
from edge.readings import Quality
from firmware_profiles import Profile, Refusal, RegisterPayload, decode, read_profile
from firmware_profiles.load import MODELS


@cache
def modbus_profiles() -> tuple[Profile, ...]:
    read = (read_profile(path)[0] for path in sorted(MODELS.rglob("*.yaml")))
    return tuple(profile for profile in read if profile is not None and profile.transport == "modbus")


ODD = st.sampled_from([0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7F80, 0xFF80, 0x7FC0])
"""Sentinels, ends of ranges, halves of infinity and of what is no number."""


@pytest.mark.parametrize("profile", modbus_profiles(), ids=lambda profile: profile.id)
@given(data=st.data())
def test_no_registers_break_the_decoder_or_leave_a_range_unmarked(
    profile: Profile, data: st.DataObject
) -> None:
    values: dict[tuple[int, int], int] = {}
    for read in profile.register_reads():
        highest = 1 if read.fc <= 2 else 0xFFFF
        count = data.draw(st.integers(0, read.count))
        block = data.draw(st.lists(st.integers(0, highest) | ODD, min_size=count, max_size=count))
        values |= {(read.fc, read.address + place): value for place, value in enumerate(block)}
    try:
        decoded = decode(profile, RegisterPayload(values))
    except Refusal:
        return
    origin = Origin(device="d", position="p", profile=profile, received_ms=1_780_000_000_000)
    for reading in compose(origin, decoded.samples).readings:
        if reading.quality is Quality.BAD:
            continue
        for name, value in reading.points.items():
            limits = profile.points[name].range
            if limits is not None and not isinstance(value, str | bool):
                assert limits[0] <= value <= limits[1]


@given(
    st.lists(
        st.builds(
            Want,
            st.integers(0, 255),
            st.integers(0, 6),
            st.integers(1, 100_000),
            st.booleans(),
            st.integers(-5, 70_000),
            st.integers(-1, 3_000),
        ),
        max_size=20,
    )
)
def test_a_plan_is_made_or_refused_and_answers_every_want(wants: list[Want]) -> None:
    try:
        blocks = plan(wants)
    except PlanError:
        return
    assert {want for block in blocks for want in block.wants} == set(wants)
    for block in blocks:
        assert len(block.places) == block.count
        assert all(block.address <= want.address and want.end <= block.end for want in block.wants)
