"""The plan that decodes registers gives what decoding step by step gives, which `explain` shows."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware_profiles import (
    Payload,
    Profile,
    Refusal,
    RegisterPayload,
    decode,
    explain,
    load_catalogue,
)
from firmware_profiles.decode import Registers
from firmware_profiles.decode.measures import measure as compiled_measure
from firmware_profiles.decode.model import RawField, RawSample
from firmware_profiles.decode.points import assemble
from firmware_profiles.examples import payload_of
from firmware_profiles.layouts import RegisterField
from tests.unit.firmware_profiles.making import made, measure, state

CATALOGUE = load_catalogue()
QUICK = settings(suppress_health_check=[HealthCheck.too_slow])
KINDS = ("u8", "i8", "u16", "i16", "u24", "i24", "u32", "i32", "u64", "i64", "f32", "f64", "bcd16", "bcd32")
ORDERS = ("ABCD", "CDAB", "BADC", "DCBA", "AB", "BA")
ODD = st.sampled_from([0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7F80, 0xFF80, 0x7FC0, 0x1234])
WORD = ODD | st.integers(0, 0xFFFF)


def poll(values: Mapping[tuple[int, int], int]) -> RegisterPayload:
    return RegisterPayload(Registers(tuple(values), tuple(values.values())))


def outcome(sample: Any) -> Any:
    """All that a sample says, with the types of its values: 7 is not 7.0 on the wire."""
    points = {name: (type(value), value) for name, value in sample.points.items()}
    return points, dict(sample.status), sample.bad, sample.time_ms, sample.key


def decoded(profile: Profile, payload: Payload, parameters: Mapping[str, float]) -> Any:
    try:
        found = decode(profile, payload, parameters=parameters)
    except Refusal as refusal:
        return refusal.reason, refusal.message
    return [outcome(one) for one in found.samples], found.notes


def explained(profile: Profile, payload: Payload, parameters: Mapping[str, float]) -> Any:
    found = explain(profile, payload, parameters=parameters)
    if found.refusal is not None:
        return found.refusal.reason, found.refusal.message
    return [outcome(one.sample) for one in found.samples], found.notes


def same_both_ways(profile: Profile, payload: Payload, **parameters: float) -> None:
    assert decoded(profile, payload, parameters) == explained(profile, payload, parameters)


@pytest.mark.parametrize("profile", CATALOGUE.values(), ids=list(CATALOGUE))
def test_all_examples_give_the_same_explained_and_decoded(profile: Profile) -> None:
    for example in profile.examples:
        parameters = {name: float(value) for name, value in example.input.parameters.items()}
        same_both_ways(profile, payload_of(example.input), **parameters)


REGISTER_PROFILES = [profile for profile in CATALOGUE.values() if profile.transport == "modbus"]


@pytest.mark.parametrize("profile", REGISTER_PROFILES, ids=lambda profile: profile.id)
def test_any_block_gives_the_same_both_ways(profile: Profile) -> None:
    places = [
        (read.fc, address)
        for read in profile.register_reads()
        for address in range(read.address, read.address + read.count)
    ]
    whole = st.lists(WORD, min_size=len(places), max_size=len(places)).map(
        lambda words: dict(zip(places, words, strict=True))
    )
    part = st.dictionaries(st.sampled_from(places), WORD | st.integers(-1, 70_000))
    parameters = st.dictionaries(st.sampled_from([*profile.parameters, "other"]), st.floats())

    @settings(QUICK, max_examples=60)
    @given(whole | part, parameters)
    def run(values: dict[tuple[int, int], int], unit: dict[str, float]) -> None:
        same_both_ways(profile, poll(values), **unit)
        same_both_ways(profile, RegisterPayload(values), **unit)

    run()


NUMBERS = st.sampled_from(
    [0.1, 0.01, 0.001, 0.0625, 0.00610352, 1e-9, -0.5, 1.5, 2, -3, 10, 1e300, 0.1 + 0.2]
)
FIELDS = st.fixed_dictionaries(
    {
        "address": st.integers(0, 12),
        "type": st.sampled_from(KINDS),
        "order": st.sampled_from(ORDERS),
        "fc": st.sampled_from([1, 3, 3, 3, 4]),
    },
    optional={
        "scale": NUMBERS | st.lists(NUMBERS | st.just({"field": "a"}), max_size=3),
        "offset": NUMBERS | st.just({"parameter": "p"}),
        "sentinels": st.just({"0xFFFF": "error", "-32768": "open", "0": "none"}),
        "absent": st.just([1]),
        "bits": st.sampled_from(["7:4", 0, "15:8"]),
        "below": NUMBERS,
        "span": st.just({"raw": [4, 20], "value": [0, 100]}),
        "enum": st.just({"1": 6, "0": 2.5}),
    },
)


@settings(QUICK, max_examples=300)
@given(
    st.fixed_dictionaries({"a": FIELDS, "b": FIELDS, "_c": FIELDS, "s": FIELDS}),
    st.lists(WORD, min_size=34, max_size=34),
    st.sampled_from([None, {"b": {"kind": "value", "from": "_c", "scale": 0.1}}]),
    st.booleans(),
)
def test_any_profile_gives_the_same_both_ways(
    fields: dict[str, Any], words: list[int], derive: dict[str, Any] | None, turned: bool
) -> None:
    for field in fields.values():
        if field["type"] not in ("u8", "i8", "u16", "i16", "bcd16") and field["order"] in ("AB", "BA"):
            field["order"] = "CDAB"
    decode_part: dict[str, Any] = {
        "kind": "registers",
        "reads": [{"address": 0, "count": 17, "every": "1s", "fc": fc} for fc in (1, 3, 4)],
        "fields": fields,
    }
    if derive:
        decode_part["derive"] = derive
    profile = made(
        decode_part,
        {
            "a": measure(low=-100, high=6_000),
            "b": measure(low=0, high=10),
            "s": state("6", "2.5", "7"),
        },
        parameters={"p": {"name": {"zh": "参", "en": "p"}, "unit": "mm", "default": 2}},
    )
    places = [(fc, address) for fc in (3, 4) for address in range(17)]
    places += [(1, address) for address in range(17)]
    values = dict(zip(places, [*words, *(word & 1 for word in words[:17])], strict=True))
    if turned:
        values = dict(reversed(values.items()))
    same_both_ways(profile, poll(values), p=1.5)


@given(
    st.lists(st.sampled_from([0, 250, 251, 0x7FFF, 0xFFFF]) | WORD, min_size=4, max_size=4),
    st.sampled_from([{}, {"scale": 0.1}, {"scale": 0.3}, {"scale": 0.1, "offset": 1.5}]),
    st.sampled_from([{}, {"sentinels": {"32767": "error"}}]),
)
def test_channels_that_are_alike_are_each_their_own(
    words: list[int], scale: dict[str, Any], sentinels: dict[str, Any]
) -> None:
    fields = {f"c{at}": {"address": at, "type": "i16", **scale, **sentinels} for at in range(4)}
    profile = made(
        {"kind": "registers", "reads": [{"address": 0, "count": 4, "every": "1s"}], "fields": fields},
        {name: measure(low=-1, high=25) for name in fields},
    )
    same_both_ways(profile, poll({(3, at): word for at, word in enumerate(words)}))


@given(
    st.sampled_from([kind for kind in KINDS if kind[0] in "ui" and "24" not in kind]),
    st.decimals(-1000, 1000, allow_nan=False, places=6).map(float) | NUMBERS,
    st.just(0) | st.decimals(-1000, 1000, allow_nan=False, places=4).map(float),
    st.integers(-(2**63), 2**64 - 1),
)
def test_a_division_is_the_rounded_product(kind: str, scale: float, offset: float, number: int) -> None:
    size = 8 * int(kind[1:]) // 8
    raw = number % 2**size - (2 ** (size - 1) if kind[0] == "i" else 0)
    field = RegisterField.model_validate({"address": 0, "type": kind, "scale": [scale], "offset": offset})
    one = compiled_measure(field)
    assert one is not None
    if one.divisor is not None:
        value: float | None = raw / one.divisor
    else:
        assert one.convert is not None
        value = one.convert(raw)
    profile = made(
        {
            "kind": "registers",
            "reads": [{"address": 0, "count": 4, "every": "1s"}],
            "fields": {"x": field.model_dump(exclude_unset=True)},
        },
        {"x": measure(low=-1e300, high=1e300)},
    )
    stepwise = assemble(profile, RawSample([RawField("x", raw, field, "")]), {}).points.get("x")
    assert value == stepwise
    assert type(value) is type(stepwise)
    assert value is None or math.isfinite(value)


def test_registers_of_a_poll_are_a_mapping() -> None:
    registers = Registers(((3, 0), (3, 1), (3, 0)), (1, 2, 3))
    assert dict(registers) == {(3, 0): 3, (3, 1): 2}  # blocks that overlap: the later one counts
    assert (len(registers), bool(registers), bool(Registers((), ()))) == (2, True, False)


def test_profiles_do_not_share_plans() -> None:
    """A copy of a profile is another one, whatever it was copied from."""
    part = {"kind": "registers", "reads": [{"address": 0, "count": 1, "every": "1s"}]}
    fields = {"x": {"address": 0}}
    plain = made({**part, "fields": fields}, {"x": measure()})
    payload = poll({(3, 0): 7})
    assert decode(plain, payload).samples[0].points == {"x": 7}
    scaled = made({**part, "fields": {"x": {"address": 0, "scale": 0.1}}}, {"x": measure()})
    copied = plain.model_copy(update={"decode": scaled.decode})
    assert decode(copied, payload).samples[0].points == {"x": 0.7}
    assert decode(plain, payload).samples[0].points == {"x": 7}
