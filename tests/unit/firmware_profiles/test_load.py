"""Profiles from files: what is wrong is said all at once, with its place and what was meant."""

from pathlib import Path

import pytest

from firmware_profiles import ProfileErrors, load_catalogue, parse_profile, read_profile
from tests.unit.firmware_profiles.making import document, measure

GOOD = """\
id: probe
schema: 1
family: well
vendor: V
model: M
name: { zh: 探头, en: probe }
transport: modbus
verified: manual
sources: [a manual]
points:
  level: { name: { zh: 水位, en: Level }, kind: measure, unit: mm, range: [0, 100] }
  mode:
    name: { zh: 模式, en: Mode }
    kind: state
    values: { NO: { zh: 否, en: n }, On: { zh: 开, en: o }, "2024-01-01": { zh: 日, en: d } }
decode:
  kind: registers
  reads:
    - { address: 0, count: 2, every: 10s }
  fields:
    level: { address: 0 }
    mode: { address: 1, enum: { 0: NO, 0x01: On, 2: 2024-01-01 } }
rules:
  water_high:
    name: { zh: 高, en: high }
    advise: { zh: 去, en: go }
    severity: major
    task: well
    when: { kind: threshold, point: level, above: 80, for: 1m30s }
    source: a test
examples:
  - name: one
    input: { registers: { "3:0": [1, 1] } }
    points: { level: 1, mode: On }
"""


def errors(tmp_path: Path, text: str, name: str = "probe") -> list[str]:
    file = tmp_path / f"{name}.yaml"
    file.write_text(text, encoding="utf-8")
    _, problems = read_profile(file)
    return [str(problem).removeprefix(tmp_path.as_posix() + "/") for problem in problems]


def test_yaml_is_version_1_2(tmp_path: Path) -> None:
    (tmp_path / "probe.yaml").write_text(GOOD, encoding="utf-8")
    profile = load_catalogue(tmp_path)["probe"]
    assert list(profile.points["mode"].values) == ["NO", "On", "2024-01-01"]
    (rule,) = profile.rule_templates()
    assert rule.condition()["for_ms"] == 90_000


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "family: well",
            "family: wel",
            [
                (
                    "3:9: family: must be one of fall, button, home, well, temperature, got 'wel', did you "
                    "mean 'well'?"
                ),
            ],
        ),
        (
            "vendor: V\n",
            "vendor: V\nvendro: V\n",
            [
                "5:1: vendro: unknown key, did you mean 'vendor'?",
            ],
        ),
        (
            "vendor: V\n",
            "vendor: V\nvendor: W\n",
            [
                "5:1: vendor: the key stands twice, first in line 4",
            ],
        ),
        (
            "unit: mm",
            "unit: mmm",
            ["11:62: points.level.unit: is not known, got 'mmm', did you mean 'mm'?"],
        ),
        (
            "vendor: V\n",
            "",
            [
                "1:1: vendor: is missing",
            ],
        ),
        (
            "model: M",
            "model: 7",
            [
                "5:8: model: must be a valid string, got 7",
            ],
        ),
        (
            "schema: 1",
            "schema: 2",
            [
                "2:9: schema: must be one of 1, got 2",
            ],
        ),
        (
            "id: probe",
            "id: prob",
            [
                "1:5: id: must be the name of the file, 'probe', got 'prob'",
            ],
        ),
        (
            "every: 10s",
            "every: 10",
            [
                "19:38: decode.reads[0].every: must be a duration such as 30s, 5m, 12h or 1h30m, got 10",
            ],
        ),
        (
            "kind: registers",
            "kind: register",
            [
                (
                    "17:3: decode: must be one of json, codec, fixed, tlv, flags, registers, got 'register', "
                    "did you mean 'registers'?"
                ),
            ],
        ),
        (
            "level: { address: 0 }",
            "level: { adress: 0 }",
            [
                "21:5: decode.fields.level.address: is missing",
                "21:14: decode.fields.level.adress: unknown key, did you mean 'address'?",
            ],
        ),
        (
            "level: { address: 0 }",
            "levl: { address: 0 }",
            [
                "11:10: points.level: is never written by decode",
                ("21:11: decode.fields.levl: is no point of this profile, got 'levl', did you mean 'level'?"),
            ],
        ),
        (
            "{ address: 1, enum",
            "{ address: 5, enum",
            [
                "22:11: decode.fields.mode: registers 5 to 5 of function 3 stand in no single read",
            ],
        ),
        (
            "0x01: On",
            "0x01: Onn",
            [
                (
                    "22:46: decode.fields.mode.enum.0x01: must be one of NO, On, 2024-01-01, got 'Onn', did "
                    "you mean 'On'?"
                ),
            ],
        ),
        (
            "point: level, above",
            "point: levle, above",
            [
                (
                    "29:37: rules.water_high.when.point: is no point of this profile, got 'levle', did you "
                    "mean 'level'?"
                ),
            ],
        ),
        (
            "point: level, above",
            "point: mode, above",
            [
                (
                    "29:37: rules.water_high.when.point: a threshold rule looks at a measure, 'mode' is a "
                    "state"
                ),
            ],
        ),
        (
            "severity: major",
            "severity: mayor",
            [
                (
                    "27:15: rules.water_high.severity: must be one of critical, major, minor, warning, got "
                    "'mayor', did you mean 'major'?"
                ),
            ],
        ),
        (
            "points: { level: 1, mode: On }",
            "points: { level: 1, mood: On }",
            [
                (
                    "34:31: examples[0].points.mood: is no point of this profile, got 'mood', did you mean "
                    "'mode'?"
                ),
            ],
        ),
        (
            "points: { level: 1, mode: On }",
            "refusal: no_value",
            [
                (
                    "34:14: examples[0].refusal: is no reason of this profile, got 'no_value', did you mean "
                    "'no_values'?"
                ),
            ],
        ),
        (
            "range: [0, 100]",
            "range: [100, 0]",
            [
                "11:73: points.level.range: the first number must be the lower one, got [100, 0]",
            ],
        ),
        (
            "{ address: 0, count: 2,",
            "{ address: yes, count: 2,",
            [
                "19:18: decode.reads[0].address: must be a valid integer, got 'yes'",
            ],
        ),
    ],
)
def test_messages(tmp_path: Path, old: str, new: str, expected: list[str]) -> None:
    assert GOOD.count(old) == 1
    found = errors(tmp_path, GOOD.replace(old, new))
    assert found == [f"probe.yaml:{line}" for line in expected]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sources: [a manual]", "sources: &a [*a]"),
        ("sources: [a manual]", "sources: [a manual"),
        ("sources: [a manual]", "sources: !!python/object:os.system [x]"),
    ],
)
def test_yaml_that_is_refused(tmp_path: Path, old: str, new: str) -> None:
    found = errors(tmp_path, GOOD.replace(old, new))
    assert found
    assert all(line.startswith("probe.yaml:") for line in found)


def test_the_key_that_was_meant_is_named_inside_a_union(tmp_path: Path) -> None:
    found = errors(tmp_path, GOOD.replace("above: 80, for", "abvoe: 80, fro"))
    assert "probe.yaml:29:44: rules.water_high.when.abvoe: unknown key, did you mean 'above'?" in found
    assert "probe.yaml:29:55: rules.water_high.when.fro: unknown key, did you mean 'for'?" in found


def test_all_problems_of_all_files_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        GOOD.replace("family: well", "family: sea").replace("id: probe", "id: a")
    )
    (tmp_path / "b.yaml").write_text(GOOD.replace("vendor: V", "vendor: 1").replace("model: M", "model: 2"))
    (tmp_path / "c.yaml").write_text("")
    (tmp_path / "d.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProfileErrors) as caught:
        load_catalogue(tmp_path)
    assert [Path(problem.file).name for problem in caught.value.problems] == [
        "a.yaml",
        "b.yaml",
        "b.yaml",
        "c.yaml",
        "d.yaml",
    ]
    assert str(caught.value).count("\n") == 4


def test_the_same_id_in_two_files(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "probe.yaml").write_text(GOOD)
    with pytest.raises(ProfileErrors, match="another file has 'probe' too"):
        load_catalogue(tmp_path)


def test_a_document_without_a_file_names_the_key() -> None:
    broken = document({"kind": "json", "fields": {"x": {"path": "x"}}}, {"x": measure()}, famly="well")
    with pytest.raises(ProfileErrors) as caught:
        parse_profile(broken)
    assert str(caught.value) == "profile: famly: unknown key, did you mean 'family'?"


def test_what_does_not_fit_together() -> None:
    part = {
        "kind": "tlv",
        "items": {"01": {"length": 1, "fields": {"x": {"type": "u16", "scale": {"parameter": "hight"}}}}},
        "key": ["_cont"],
        "time": {"field": "_tim"},
    }
    with pytest.raises(ProfileErrors) as caught:
        parse_profile(
            document(
                part, {"x": measure()}, parameters={"height": {"name": {"zh": "高", "en": "h"}, "unit": "mm"}}
            )
        )
    assert str(caught.value).splitlines() == [
        "profile: decode.items.01.fields.x.scale[0]: is no parameter of this profile, "
        "got 'hight', did you mean 'height'?",
        "profile: decode.items.01.fields.x: ends at byte 2, but there are only 1",
        "profile: decode.key[0]: is no field of this profile, got '_cont'",
        "profile: decode.time.field: is no field of this profile, got '_tim'",
    ]
