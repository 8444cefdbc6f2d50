"""Decode kind `codec`: a script's answer becomes points like any JSON; what has no answer is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_profiles import MessagePayload, Profile, Refusal, decode, explain, parse_profile, read_profile
from firmware_profiles.decode.codec import CodecAnswer, CodecError, CodecFault
from firmware_profiles.layouts import MAXIMUM_SCRIPT_BYTES, CodecLayout, CodecScript
from tests.unit.firmware_profiles.making import document, made, measure, state

TEXT = "function decodeUplink(input) { return { data: {} }; }"


class Said:
    """A sandbox in which each script says the same, and which keeps what it was asked."""

    def __init__(self, data: Any = None, **more: tuple[Any, ...]) -> None:
        self.answer = CodecAnswer(data, **more)
        self.asked: list[tuple[CodecScript, MessagePayload]] = []

    def run(self, codec: CodecScript, payload: MessagePayload) -> CodecAnswer:
        self.asked.append((codec, payload))
        return self.answer


class Broken:
    """A sandbox in which each script fails."""

    def run(self, codec: CodecScript, payload: MessagePayload) -> CodecAnswer:
        raise CodecError(codec.name, CodecFault.TIME, "took more than 50 ms of processor time")


def profile(**more: Any) -> Profile:
    fields = {
        "level": {"path": "level", "strip": "mm", "sentinels": {"65535": "error"}},
        "battery": {"path": "bat.volts", "strip": ["(low battery)", "V"]},
        "leak": {"path": "status", "enum": {"LEAK": True, "OK": False}},
    }
    points = {"level": measure(high=5000), "battery": measure("V", 0, 5), "leak": state("true", "false")}
    return (
        made(
            {"kind": "codec", "script": "leak.js", "text": TEXT, "fields": fields},
            points,
            transport="lorawan",
        )
        if not more
        else made({"kind": "codec", "script": "leak.js", "text": TEXT, **more}, points)
    )


def points(data: Any) -> dict[str, Any]:
    (sample,) = decode(profile(), MessagePayload(b"\x01", 2), codecs=Said(data)).samples
    return dict(sample.points)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"level": "1700 mm"}, {"level": 1700}),
        ({"level": 1700.5, "other": 1}, {"level": 1700.5}),
        ({"bat": {"volts": "2.4(low battery)"}}, {"battery": 2.4}),
        ({"bat": {"volts": "3.1V"}, "status": "LEAK"}, {"battery": 3.1, "leak": True}),
        ({"level": "n/a", "status": "OK"}, {"leak": False}),
        ({"level": None, "status": "OK"}, {"leak": False}),
    ],
)
def test_the_answer_passes_the_steps_of_each_field(data: Any, expected: dict[str, Any]) -> None:
    assert points(data) == expected


def test_an_error_value_is_a_status_and_a_number_out_of_range_is_bad() -> None:
    (sample,) = decode(profile(), MessagePayload(b"\x01", 2), codecs=Said({"level": 65535})).samples
    assert (dict(sample.points), dict(sample.status)) == ({}, {"level": "error"})
    (sample,) = decode(profile(), MessagePayload(b"\x01", 2), codecs=Said({"level": 9000})).samples
    assert sample.bad == {"level"}


def test_the_script_is_given_bytes_port_and_time() -> None:
    said = Said({"level": 1})
    payload = MessagePayload(b"\x01\x02", 2, 1_700_000_000_000)
    decode(profile(), payload, codecs=said)
    assert said.asked == [(CodecScript("leak.js", TEXT), payload)]


def refusal(codecs: Any, body: bytes = b"\x01") -> tuple[str, str]:
    with pytest.raises(Refusal) as caught:
        decode(profile(), MessagePayload(body, 2), codecs=codecs)
    return caught.value.reason.value, caught.value.message


def test_what_gives_nothing_says_why() -> None:
    assert refusal(None) == ("codec_failed", "leak.js: no sandbox to run it in")
    assert refusal(Broken()) == ("codec_failed", "leak.js: took more than 50 ms of processor time")
    assert refusal(Said(None, errors=("unknown FPort", 2))) == ("codec_refused", "leak.js: unknown FPort; 2")
    assert refusal(Said([1])) == ("not_an_object", "leak.js: its data is a list, not an object")
    assert refusal(Said({"x": 1})) == ("no_values", "keys 'x': nothing that this profile reads")
    assert refusal(Said({"level": 1}), bytes(243))[0] == "too_long"
    assert refusal(Said({"level": 1}), b"")[0] == "empty"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
DATA = JSON | st.fixed_dictionaries(
    {}, optional={"level": JSON, "bat": JSON | st.fixed_dictionaries({"volts": JSON}), "status": JSON}
)
PROBE = profile()


@given(DATA, st.lists(JSON, max_size=3), st.lists(JSON, max_size=3), st.binary(max_size=300))
def test_whatever_a_script_says_is_a_sample_or_a_refusal(
    data: Any, warnings: list[Any], errors: list[Any], body: bytes
) -> None:
    said = Said(data, warnings=tuple(warnings), errors=tuple(errors))
    try:
        decoded = decode(PROBE, MessagePayload(body), codecs=said)
    except Refusal:
        return
    for sample in decoded.samples:
        for name, value in sample.points.items():
            low, high = PROBE.points[name].range or (0, 1)
            assert isinstance(value, bool) or name in sample.bad or low <= float(value) <= high


def test_a_script_cannot_write_into_a_log() -> None:
    _, message = refusal(Said(None, errors=("a\nb\x1b[31m" + "x" * 500,)))
    assert message.isprintable()
    assert len(message) <= 200


def test_warnings_are_notes() -> None:
    said = Said({"level": 1}, warnings=("old firmware",))
    assert decode(profile(), MessagePayload(b"\x01", 2), codecs=said).notes == ("leak.js: old firmware",)


def test_a_frame_with_an_inner_field_only_is_a_sign_of_life() -> None:
    fields = {name: {"path": name} for name in ("level", "battery", "leak", "_version")}
    (sample,) = decode(
        profile(fields=fields), MessagePayload(b"\x01"), codecs=Said({"_version": "1.2"})
    ).samples
    assert not sample.points


def test_explain_shows_the_paths() -> None:
    explained = explain(profile(), MessagePayload(b"\x01", 2), codecs=Said({"bat": {"volts": "3 V"}}))
    assert explained.layout == "codec leak.js"
    (step,) = explained.samples[0].fields
    assert (step.name, step.at, step.raw, step.value) == ("battery", "bat.volts", "3 V", 3.0)


def test_the_script_travels_with_the_document() -> None:
    first = profile()
    second = parse_profile(json.loads(json.dumps(first.document())))
    assert isinstance(second.decode, CodecLayout)
    assert second.decode.codec == CodecScript("leak.js", TEXT)
    assert second.runs_codec
    assert second == first


def write(folder: Path, script: str | None, name: str = "leak.js") -> tuple[Profile | None, list[str]]:
    part = {"kind": "codec", "script": name, "fields": {"level": {"path": "level"}}}
    body = {**document(part, {"level": measure()}), "id": "probe"}
    (folder / "probe.yaml").write_text(json.dumps(body))
    if script is not None:
        (folder / "leak.js").write_text(script)
    found, problems = read_profile(folder / "probe.yaml")
    return found, [f"{'.'.join(map(str, problem.path))}: {problem.text}" for problem in problems]


def test_the_script_is_read_from_beside_the_profile(tmp_path: Path) -> None:
    found, problems = write(tmp_path, "\ufeff" + TEXT)
    assert problems == []
    assert found is not None
    assert isinstance(found.decode, CodecLayout)
    assert found.decode.text == TEXT


def test_a_missing_script_is_named_once(tmp_path: Path) -> None:
    found, problems = write(tmp_path, None)
    assert found is None
    assert problems == ["decode.script: leak.js has to stand beside the profile, as UTF-8 text"]


def test_a_script_is_not_read_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "leak.js").write_text(TEXT)
    for name in ("../leak.js", "a/leak.js", "/etc/hostname", "leak.txt"):
        (tmp_path / "in").mkdir(exist_ok=True)
        found, problems = write(tmp_path / "in", None, name)
        assert found is None
        assert [problem.split(":")[0] for problem in problems] == ["decode.script"]


def test_a_script_that_is_too_long_is_said_so(tmp_path: Path) -> None:
    _, problems = write(tmp_path, "/" * (MAXIMUM_SCRIPT_BYTES + 1))
    assert problems == ["decode.script: leak.js has 131073 bytes, at most 131072 are run"]
