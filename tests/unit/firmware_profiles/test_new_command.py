"""`sunwell profile new`: questions answered at the keyboard, and answers out of a file."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from firmware_profiles import Profile, read_profile
from sunwell.commands.profile import app

ANSWERS = """\
vendor: ACME
model: Level 7
family: well
transport: lorawan
port: 2
name: { zh: 水位计, en: Level meter }
sources: ["ACME manual, page 7"]
points:
  water_level: { kind: measure, unit: mm, range: [0, 5000], at: 1, type: u16 }
  cover_open: { kind: state, at: 0, bit: 3 }
  battery: { kind: measure, unit: "%", at: 3, type: u8 }
rules:
  water_high: { point: water_level, above: 2500, clear: 2300, for: 1m, source: 80 % of the well's depth }
  water_rising: { point: water_level, change: 300, within: 10m, source: a start value }
  cover_open: { point: cover_open, source: bit 3 }
heartbeat: { every: 12h, silent_after: 25h, source: the manual }
battery: { kind: percent, point: battery, low: 20, clear: 40 }
payloads:
  - { name: seen on the roof, payload: 08 09C4 5A }
"""


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("COLUMNS", "200")
    return CliRunner()


def profile_in(folder: Path) -> Profile:
    (file,) = folder.iterdir()
    profile, problems = read_profile(file)
    assert not problems
    assert profile is not None
    return profile


def test_answers_of_a_file(runner: CliRunner, tmp_path: Path) -> None:
    file = tmp_path / "answers.yaml"
    file.write_text(ANSWERS)
    out = tmp_path / "out"
    result = runner.invoke(app, ["new", "--from", str(file), "--to", str(out)])
    assert result.exit_code == 0, result.output
    profile = profile_in(out)
    assert profile.id == "acme-level-7"
    assert list(profile.rules) == ["water_high", "water_rising", "cover_open"]
    assert profile.examples[0].name == "seen on the roof"
    assert profile.examples[0].points == {"water_level": 2500, "cover_open": True, "battery": 90}
    assert len(profile.examples) == 4
    text = (out / "acme-level-7.yaml").read_text()
    assert "# source says where the limit comes from." in text
    checked = runner.invoke(app, ["check", str(out)])
    assert checked.exit_code == 0, checked.output


def test_all_mistakes_of_answers_come_at_once_with_places(runner: CliRunner, tmp_path: Path) -> None:
    file = tmp_path / "answers.yaml"
    broken = ANSWERS.replace("family: well", "family: wells").replace("unit: mm", "unit: inch")
    file.write_text(broken.replace("every: 12h", "evry: 12h"))
    result = runner.invoke(app, ["new", "--from", str(file), "--to", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "answers.yaml:3:9: family: must be one of" in result.output
    assert "the unit is not known" in result.output
    assert "heartbeat.evry: unknown key, did you mean 'every'?" in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("cover_open: { point", "cover_opn: { point", "no rule of the menu, did you mean 'cover_open'?"),
        ("point: cover_open,", "point: cover_opn,", "is no point, did you mean 'cover_open'?"),
        (" at: 0,", "", "points.cover_open: at is missing"),
        ("point: battery", "point: batery", "is no point of this profile, got 'batery'"),
        ("payload: 08 09C4 5A", "payload: zz!", "is none of: hexadecimal bytes"),
    ],
)
def test_answers_have_to_fit_each_other(
    runner: CliRunner, tmp_path: Path, old: str, new: str, why: str
) -> None:
    file = tmp_path / "answers.yaml"
    file.write_text(ANSWERS.replace(old, new, 1))
    result = runner.invoke(app, ["new", "--from", str(file), "--to", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert why in result.output


def test_a_file_that_is_not_there(runner: CliRunner, tmp_path: Path) -> None:
    result = runner.invoke(app, ["new", "--from", str(tmp_path / "no.yaml")])
    assert result.exit_code == 1
    assert "cannot be read" in result.output


def test_questions_for_a_json_device(runner: CliRunner, tmp_path: Path) -> None:
    said = [
        "ACME", "Cover 2", "wel", "well", "mqtt", "盖", "Cover", "json", "seen",
        "temperature", "", "", "measure", "furlong", "Cel", "", "", "data.t",
        "state of cover", "盖", "Cover", "state", "open,closed", "data.cover",
        "",
        "cover_opn", "cover_open", "state_of_cover", "ajar", "open", "bolt",
        "",
        "10m", "1h", "mains",
        '{"data": {"t": 21.5, "cover": "open"}}', "y", "open in summer",
        '{"other": 1}', "n",
        "",
    ]  # fmt: skip
    out = tmp_path / "out"
    result = runner.invoke(app, ["new", "--to", str(out)], input="\n".join(said) + "\n")
    assert result.exit_code == 0, result.output
    assert "decodes to {'points': {'temperature': 21.5, 'state_of_cover': 'open'}}" in result.output
    assert "did you mean 'cover_open'?" in result.output
    profile = profile_in(out)
    assert profile.family == "well"
    assert profile.points["temperature"].name.zh == "温度"
    assert profile.examples[0].name == "open in summer"
    assert len(profile.examples) == 4
    assert profile.rules["cover_open"].source == "bolt"


def test_questions_for_registers(runner: CliRunner, tmp_path: Path) -> None:
    said = [
        "ACME", "Probe", "well", "modbus", "探头", "Probe", "manual",
        "level", "", "", "measure", "mm", "0", "5000", "4", "3", "i16", "0.1",
        "pump", "泵", "Pump", "state", "0=stopped,1=running", "9", "4", "u16",
        "",
        "water_high", "level", "above", "400", "350", "the well's depth",
        "",
        "10s", "2m", "unknown",
        "3:4=1234 4:9=1", "y", "",
        "",
    ]  # fmt: skip
    result = runner.invoke(app, ["new", "--to", str(tmp_path / "out")], input="\n".join(said) + "\n")
    assert result.exit_code == 0, result.output
    profile = profile_in(tmp_path / "out")
    assert profile.examples[0].points == {"level": 123.4, "pump": "running"}
    assert [(read.fc, read.address) for read in profile.register_reads()] == [(3, 4), (4, 9)]
