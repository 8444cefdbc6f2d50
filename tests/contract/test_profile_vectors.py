"""Other people's vectors: what their decoders make of a payload, our profiles carry too.

The folder that SUNWELL_VECTORS names holds them. They are not part of the project.
"""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from firmware_profiles import (
    MessagePayload,
    Profile,
    Refusal,
    RegisterPayload,
    Sample,
    decode,
    load_catalogue,
)
from firmware_profiles.layouts import JsonLayout
from tests.contract.profile_vectors import handmade, lorawan, registers, z2m

CATALOGUE = load_catalogue()
FOLDER = os.environ.get("SUNWELL_VECTORS")


def rows(name: str) -> list[dict[str, Any]]:
    if FOLDER is None:
        return []
    lines = (Path(FOLDER) / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


UNSET = "SUNWELL_VECTORS is not set: other people's vectors were not compared"


def cases(found: list[dict[str, Any]]) -> list[Any]:
    """The rows as test cases; without the folder, one that says so."""
    if FOLDER is None:
        return [pytest.param({}, marks=pytest.mark.skip(reason=UNSET), id="none")]
    return [pytest.param(row, id=f"{_name(row)}-{index}") for index, row in enumerate(found)]


def _name(row: dict[str, Any]) -> str:
    return str(row.get("model") or row.get("device") or row["definition"]["model"])


def test_the_vectors_are_there() -> None:
    if FOLDER is not None:
        assert rows("handmade_vectors.jsonl")
    elif os.environ.get("CI") == "true":
        pytest.fail(UNSET)
    else:
        pytest.skip(UNSET)


def close(ours: object, theirs: object) -> bool:
    """The same value; numbers to six digits, since their decoders compute in other orders."""
    if isinstance(theirs, lorawan.Rounded):
        return theirs.matches(ours)
    if isinstance(ours, bool) or isinstance(theirs, bool | str):
        return ours == theirs
    if isinstance(ours, int | float) and isinstance(theirs, int | float):
        return math.isclose(ours, theirs, rel_tol=1e-6, abs_tol=1e-6)
    return ours == theirs


def samples(profile: Profile, row: Mapping[str, Any], **parameters: float) -> tuple[Sample, ...]:
    payload = MessagePayload(bytes.fromhex(row["bytes_hex"]), row["fPort"])
    return decode(profile, payload, parameters=parameters).samples


def merged(found: tuple[Sample, ...]) -> Sample:
    points: dict[str, Any] = {}
    status: dict[str, str] = {}
    for sample in found:
        points.update(sample.points)
        status.update(sample.status)
    return Sample(points=points, status=status, time_ms=found[0].time_ms, key=found[0].key)


@pytest.mark.parametrize("row", cases(rows("handmade_vectors.jsonl")))
def test_handmade(row: dict[str, Any]) -> None:
    profile = CATALOGUE[f"{row['vendor']}-{row['model']}"]
    sample = merged(samples(profile, row))
    for key, wanted in row["expected"].items():
        point, value = handmade.point_of(row["expected"], key, wanted)
        if point == handmade.TIME:
            assert sample.time_ms == value
        elif point == handmade.KEY:
            assert value in (sample.key or "").split(";")
        elif value is None:
            assert point not in sample.points
        elif isinstance(value, handmade.Status):
            assert sample.status[point] == value.text
        else:
            assert close(sample.points.get(point), value), (key, point)


@pytest.mark.parametrize("row", cases(rows("modbus_vectors.jsonl")))
def test_registers(row: dict[str, Any]) -> None:
    profile, wanted = registers.case(CATALOGUE, row)
    values = {(row["fc"], row["addr"] + index): word for index, word in enumerate(row["registers"])}
    (sample,) = decode(profile, RegisterPayload(values)).samples
    for point, value in wanted.items():
        if value is None:
            assert point not in sample.points
            assert sample.status[point]
        else:
            assert close(sample.points.get(point), value), point


LORAWAN = [row for row in rows("ttn_examples_relevant.jsonl") if lorawan.profile_id(row) in CATALOGUE]


@pytest.mark.parametrize("row", cases(LORAWAN))
def test_lorawan(row: dict[str, Any]) -> None:
    model = lorawan.MODELS[lorawan.profile_id(row)]
    profile = CATALOGUE[lorawan.profile_id(row)]
    if "data" not in row["expected"]:
        with pytest.raises(Refusal):
            samples(profile, row)
        return
    deviation = model.deviations.get(row["bytes_hex"])
    wanted = lorawan.wanted(model, row) if deviation is None else deviation.points
    sample = merged(samples(profile, row, **model.parameters))
    for point, value in wanted.items():
        if value is None:
            assert point not in sample.points
            assert sample.status[point]
        else:
            assert close(sample.points.get(point), value), (point, sample.points)


def zigbee() -> list[dict[str, Any]]:
    """The devices of a real bridge/devices message that have been interviewed."""
    if FOLDER is None:
        return []
    text = (Path(FOLDER) / "z2m_bridge_devices_sample.json").read_text(encoding="utf-8")
    return [entry for entry in json.loads(text) if entry.get("definition")]


@pytest.mark.parametrize("row", cases(zigbee()))
def test_zigbee_devices_have_their_points_and_polarity(row: dict[str, Any]) -> None:
    (profile,) = CATALOGUE.find(row["definition"]["vendor"], row["definition"]["model"])
    assert isinstance(profile.decode, JsonLayout)
    points = {field.path: name for name, field in profile.decode.fields.items()}
    for expose in row["definition"]["exposes"]:
        if expose["property"] in z2m.NO_QUANTITY or expose["access"] & 2:  # what can be set is a setting
            continue
        name = points[expose["property"]]
        point = profile.points[name]
        if expose["type"] == "binary":
            on, off = z2m.POLARITY.get(expose["property"], (True, False))
            for raw, value in ((expose["value_on"], on), (expose["value_off"], off)):
                body = json.dumps({expose["property"]: raw}).encode()
                (sample,) = decode(profile, MessagePayload(body)).samples
                assert sample.points == {name: value}
        elif expose["type"] == "enum":
            assert set(expose["values"]) <= set(point.values)
        elif expose["type"] == "numeric":
            assert point.kind == "measure"
            assert (expose.get("unit"), point.unit) in z2m.UNITS


@pytest.mark.skipif(FOLDER is None, reason=UNSET)
def test_enough_models_are_covered() -> None:
    assert len({(row["vendor"], row["model"]) for row in LORAWAN}) >= 25


@pytest.mark.skipif(FOLDER is None, reason=UNSET)
def test_every_profile_that_claims_vectors_has_some() -> None:
    assert set(lorawan.MODELS) == {lorawan.profile_id(row) for row in LORAWAN}
