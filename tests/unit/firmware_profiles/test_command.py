"""`sunwell profile` as an installer uses it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from firmware_profiles import load_catalogue
from sunwell.commands.profile import app
from tests.unit.firmware_profiles.test_load import GOOD


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("COLUMNS", "160")
    return CliRunner()


def test_list(runner: CliRunner) -> None:
    result = runner.invoke(app, ["list"])
    assert result.exit_code == 0
    assert all(name in result.output for name in load_catalogue())


def test_check_of_the_packaged_profiles(runner: CliRunner) -> None:
    result = runner.invoke(app, ["check"])
    assert result.exit_code == 0
    assert result.output.endswith(f"{len(load_catalogue())} profiles, 0 problems\n")


def test_check_shows_all_errors_and_fails(runner: CliRunner, tmp_path: Path) -> None:
    file = tmp_path / "probe.yaml"
    file.write_text(GOOD.replace("family: well", "family: wel").replace("severity: major", "severity: mayor"))
    result = runner.invoke(app, ["check", str(tmp_path)])
    assert result.exit_code == 1
    assert "probe.yaml:3:9: family: must be one of" in result.output
    assert "did you mean 'major'?" in result.output
    assert "1 profiles, 2 problems" in result.output


def test_check_runs_the_examples(runner: CliRunner, tmp_path: Path) -> None:
    file = tmp_path / "probe.yaml"
    file.write_text(GOOD.replace("points: { level: 1, mode: On }", "points: { level: 2, mode: On }"))
    result = runner.invoke(app, ["check", str(file)])
    assert result.exit_code == 1
    assert "one: points: expected {'level': 2, 'mode': 'On'}, got {'level': 1, 'mode': 'On'}" in result.output


def test_check_of_nothing_fails(runner: CliRunner, tmp_path: Path) -> None:
    assert runner.invoke(app, ["check", str(tmp_path)]).exit_code == 1


def test_decode_shows_bytes_fields_and_points(runner: CliRunner) -> None:
    arguments = [
        "decode",
        "dingtek-dc410",
        "gAABAhEGpAAWAR4AEAACAIE=",
        "--port",
        "3",
        "-p",
        "mount_height=2500",
    ]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0
    for text in ("bytes 5 to 6", "06 a4 = 1700", "井盖开启", "water_level", "800", "key: counter=2"):
        assert text in result.output


def test_decode_of_registers(runner: CliRunner) -> None:
    result = runner.invoke(app, ["decode", "qdy30a", "3:2=2,1,64302"])
    assert result.exit_code == 0
    assert "-123.4" in result.output


def test_decode_says_why_it_refuses(runner: CliRunner) -> None:
    result = runner.invoke(app, ["decode", "milesight-ws101", "0367"])
    assert result.exit_code == 1
    assert "refused: unknown_layout: byte 0: 03 67 begins no item of this profile" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["decode", "milesight-ws11", "00"], "did you mean 'milesight-ws101'?"),
        (["decode", "milesight-ws101", "zz!"], "is none of: hexadecimal bytes"),
        (
            ["decode", "dingtek-dc410", "00", "-p", "height=1"],
            "has no parameter 'height', did you mean 'mount_height'?",
        ),
    ],
)
def test_decode_helps_with_mistakes(runner: CliRunner, arguments: list[str], message: str) -> None:
    result = runner.invoke(app, arguments)
    assert result.exit_code == 2
    assert message in result.output.replace("\n", " ")
