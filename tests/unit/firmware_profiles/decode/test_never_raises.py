"""Whatever comes in: a refusal or samples, and no number outside its range that is not marked."""

import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware_profiles import (
    Decoded,
    MessagePayload,
    Payload,
    Profile,
    Refusal,
    RegisterPayload,
    decode,
    explain,
    load_catalogue,
)
from firmware_profiles.layouts import JsonLayout, RegistersLayout, TlvLayout

CATALOGUE = load_catalogue()
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def payloads(profile: Profile) -> st.SearchStrategy[Payload]:
    """Mostly noise of the right form: the form is what leads into the depth of a layout."""
    layout = profile.decode
    if isinstance(layout, RegistersLayout):
        places = [
            (fc, at)
            for fc in (1, 2, 3, 4)
            for read in layout.reads
            for at in range(read.address, read.address + read.count)
        ]
        return st.dictionaries(st.sampled_from(places), st.integers(-1, 70_000)).map(RegisterPayload)
    ports = st.none() | st.integers(0, 255) | st.sampled_from([1, 2, 3, 6, 7, 10, 85, 102])
    noise = st.binary(max_size=60)
    if isinstance(layout, JsonLayout):
        keys = [field.path for field in layout.fields.values() if isinstance(field.path, str)]
        documents = st.dictionaries(st.sampled_from(keys), VALUES).map(
            lambda value: json.dumps(value).encode()
        )
        return st.builds(MessagePayload, documents | noise, ports)
    if isinstance(layout, TlvLayout):
        tags = st.sampled_from([bytes.fromhex(tag) for tag in layout.items])
        items = st.lists(st.tuples(tags, st.binary(max_size=9)).map(b"".join), max_size=4).map(b"".join)
        return st.builds(MessagePayload, items | noise, ports)
    shapes = [bytes.fromhex(example.input.hex) for example in profile.examples if example.input.hex]
    patched = st.tuples(
        st.sampled_from(shapes), st.dictionaries(st.integers(0, 20), st.integers(0, 255))
    ).map(lambda pair: bytes(pair[1].get(index, byte) for index, byte in enumerate(pair[0])))
    return st.builds(MessagePayload, patched | noise, ports)


def check(profile: Profile, decoded: Decoded) -> None:
    assert decoded.samples
    for sample in decoded.samples:
        assert set(sample.points) | set(sample.status) <= set(profile.points)
        assert not set(sample.points) & set(sample.status)
        assert sample.bad <= set(sample.points)
        for name, value in sample.points.items():
            point = profile.points[name]
            if isinstance(value, str | bool):
                assert point.kind != "measure"
                assert not point.values or str(value).lower() in point.values or value in point.values
                continue
            assert math.isfinite(value)
            if point.range is not None:
                assert (point.range[0] <= value <= point.range[1]) == (name not in sample.bad)


@pytest.mark.parametrize("profile", CATALOGUE.values(), ids=list(CATALOGUE))
def test_any_payload_is_decoded_or_refused(profile: Profile) -> None:
    parameters = st.dictionaries(st.sampled_from([*profile.parameters, "other"]), st.floats())

    @QUICK
    @given(payloads(profile), parameters)
    def run(payload: Payload, unit: dict[str, float]) -> None:
        try:
            decoded = decode(profile, payload, parameters=unit)
        except Refusal:
            assert explain(profile, payload, parameters=unit).refusal is not None
            return
        check(profile, decoded)
        explained = explain(profile, payload, parameters=unit)
        assert tuple(item.sample for item in explained.samples) == decoded.samples

    run()
