"""`sunwell profile import` as an installer uses it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sunwell.commands.profile import app

CONTACT = {
    "vendor": "ACME", "model": "Door 1", "description": "Door sensor",
    "exposes": [
        {
            "type": "binary", "name": "contact", "property": "contact", "access": 1,
            "value_on": False, "value_off": True,
        },
        {"type": "text", "name": "version", "property": "version", "access": 1},
    ],
}  # fmt: skip
PACKAGED = {**CONTACT, "vendor": "aqara", "model": "MCCGQ11LM"}
TABLE = "name,address,unit,zh,rule,above\nlevel,40001,mm,水位,water_high,2500\n"


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("COLUMNS", "200")
    return CliRunner()


def entry(definition: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    return {"ieee_address": "0x01", "friendly_name": "x", "definition": definition, **more}


def saved(tmp_path: Path, document: object) -> str:
    file = tmp_path / "devices.json"
    file.write_text(json.dumps(document))
    return str(file)


@pytest.mark.parametrize(
    "document",
    [CONTACT, [CONTACT, CONTACT], [entry(None, type="Coordinator"), entry(CONTACT, power_source="Battery")]],
)
def test_zigbee_writes_one_good_file_a_definition(
    runner: CliRunner, tmp_path: Path, document: object
) -> None:
    out = tmp_path / "out"
    result = runner.invoke(app, ["import", "zigbee", saved(tmp_path, document), "--to", str(out)])
    assert result.exit_code == 0, result.output
    assert [file.name for file in out.iterdir()] == ["acme-door-1.yaml"]
    assert "version: left out: text is no quantity" in result.output
    checked = runner.invoke(app, ["check", str(out)])
    assert checked.exit_code == 0, checked.output


def test_zigbee_leaves_out_models_that_have_a_profile(runner: CliRunner, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["import", "zigbee", saved(tmp_path, [entry(PACKAGED)]), "--to", str(out)]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0
    assert "has the profile aqara-mccgq11lm already" in result.output
    assert not out.exists()
    assert runner.invoke(app, [*arguments, "--known"]).exit_code == 0
    assert [file.name for file in out.iterdir()] == ["aqara-mccgq11lm.yaml"]


def test_nothing_is_written_over(runner: CliRunner, tmp_path: Path) -> None:
    arguments = ["import", "zigbee", saved(tmp_path, CONTACT), "--to", str(tmp_path)]
    runner.invoke(app, arguments)
    file = tmp_path / "acme-door-1.yaml"
    file.write_text("mine")
    result = runner.invoke(app, arguments)
    assert result.exit_code == 1
    assert "is there already" in result.output
    assert file.read_text() == "mine"
    assert runner.invoke(app, [*arguments, "--force"]).exit_code == 0
    assert file.read_text() != "mine"


@pytest.mark.parametrize("document", [[], {}, [entry(None)], 7])
def test_zigbee_without_definitions_fails(runner: CliRunner, tmp_path: Path, document: object) -> None:
    result = runner.invoke(app, ["import", "zigbee", saved(tmp_path, document)])
    assert result.exit_code == 1
    assert "holds no definition" in result.output


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_register_table(runner: CliRunner, tmp_path: Path, encoding: str) -> None:
    table = tmp_path / "table.csv"
    table.write_text(TABLE, encoding=encoding)
    out = tmp_path / "out"
    arguments = ["import", "modbus-csv", str(table), "--vendor", "ACME", "--model", "P 1", "--to", str(out)]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0, result.output
    text = (out / "acme-p-1.yaml").read_text(encoding="utf-8")
    assert "水位" in text
    assert runner.invoke(app, ["check", str(out)]).exit_code == 0


def test_a_wrong_register_table_says_all(runner: CliRunner, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("name,address,unit\na,99999,mm\nb,1,inch\n")
    arguments = ["import", "modbus-csv", str(table), "--vendor", "V", "--model", "M", "--to", str(tmp_path)]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 1
    assert "table.csv:2:1: address:" in result.output
    assert "table.csv:3:1: unit: is not known, got 'inch'" in result.output
    assert not list(tmp_path.glob("*.yaml"))
