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
    parse_profile,
)
from firmware_profiles.layouts import JsonLayout, RegistersLayout, TlvLayout
from tests.unit.firmware_profiles.making import made, measure, state


def iso(profile: Profile) -> Profile:
    """The same profile with its time as text."""
    document = profile.document()
    document["decode"]["time"] = {"field": "_t", "unit": "iso", "zone": "+08:00"}
    return parse_profile(document)


EVERYTHING = made(
    {
        "kind": "json",
        "fields": {
            "_code": {"path": "code"},
            "_t": {"path": "t"},
            "_record": {"path": "record"},
            "scaled": {
                "path": "a",
                "scale": [{"field": "_code"}, {"parameter": "p", "times": 3}],
                "offset": 1,
            },
            "spanned": {
                "path": "b",
                "span": {"raw": [4, 20], "value": [{"parameter": "p"}, {"field": "_code"}]},
            },
            "level": {"path": "c", "strip": ["mm", "cm"], "below": {"parameter": "p"}},
            "coded": {"path": "d", "enum": {"1": "one", "true": "two"}, "absent": [0, ""]},
            "hot": {"path": "e", "bits": "6:2", "one_hot": {"0": "one", "4": "two"}},
            "flag": {"path": "f", "invert": True},
            "text": {"path": "g"},
            "watched": {"path": "h", "sentinels": {"-1": "error"}},
        },
        "derive": {
            "r": {"kind": "route", "from": "_code", "by": "_record", "to": {"1": "scaled", "x": "text"}},
            "any": {"kind": "any_of", "from": "_code", "values": [1, "1", True]},
            "broken": {"kind": "fault", "from": ["watched", "scaled"]},
        },
        "time": {"field": "_t"},
        "key": ["_record", "_t", "_code"],
    },
    {
        **{name: measure(low=-50, high=50) for name in ("scaled", "spanned", "level", "watched")},
        **{name: state("one", "two") for name in ("coded", "hot")},
        **{name: state("true", "false") for name in ("flag", "any", "broken")},
        "text": {"name": {"zh": "文", "en": "text"}, "kind": "state"},
    },
    parameters={"p": {"name": {"zh": "参", "en": "p"}, "unit": "mm", "default": 2}},
)
CATALOGUE = {**load_catalogue(), "everything": EVERYTHING, "everything-iso": iso(EVERYTHING)}
QUICK = settings(suppress_health_check=[HealthCheck.too_slow])

NEAR = st.sampled_from(
    [0, 1, -1, 1.7e308, 2**64, "1", "x", "12 mm", "2026-01-31T08:00:00", "9999-12-31", "true"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | NEAR,
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
        documents = st.fixed_dictionaries({}, optional=dict.fromkeys(keys, NEAR | VALUES)).map(
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
    examples = 400 if profile.id == "made" else 25
    parameters = st.dictionaries(st.sampled_from([*profile.parameters, "other"]), st.floats())

    @settings(QUICK, max_examples=examples)
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
