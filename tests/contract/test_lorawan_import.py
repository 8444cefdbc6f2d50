"""`sunwell profile import lorawan` on a small tree in the LoRaWAN device repository's format."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from firmware_profiles import load_catalogue, read_profile
from firmware_profiles.codecs.repository import UnreadableError, read_codec, read_device
from firmware_profiles.layouts import CodecLayout
from sunwell.commands.profile import app

VENDORS = "vendors:\n  - id: acme\n    name: ACME Ltd\n"
DEVICE = """
name: Leak 1
description: A leak sensor
firmwareVersions:
  - version: '1.0'
    profiles:
      EU863-870: { id: eu, codec: leak-codec }
      US902-928: { id: us, codec: leak-codec }
sensors: [water, battery]
"""
CODEC = """
uplinkDecoder:
  fileName: leak.js
  examples:
    - description: a leak
      input: { fPort: 2, bytes: [0x01, 34, 0] }
      output:
        data: { leak: true, battery: 3.4, door: NO, distance: 1700 mm, power: 0.30000000000000004 }
    - description: dry
      input: { fPort: 2, bytes: [0, 36, 1] }
      output:
        data: { leak: false, battery: 3.6, door: On, distance: 5 mm, power: 0.3 }
        warnings: []
        errors: []
    - description: unknown port
      input: { fPort: 9, bytes: [0] }
      output: { errors: [unknown port] }
    - description: too short
      input: { fPort: 2, bytes: [] }
      output: { errors: [any text] }
"""
SCRIPT = """
function decodeUplink(input) {
  if (input.fPort !== 2) return { errors: ["unknown port"] };
  if (!input.bytes.length) throw new Error("too short");
  return { data: {
    leak: input.bytes[0] === 1, battery: input.bytes[1] / 10, door: input.bytes[2] ? "On" : "NO",
    distance: (input.bytes[0] ? 1700 : 5) + " mm", power: 0.1 + 0.2
  } };
}
"""


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("COLUMNS", "200")
    return CliRunner()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree" / "vendor" / "acme"
    folder.mkdir(parents=True)
    (folder.parent / "index.yaml").write_text(VENDORS)
    (folder / "leak-1.yaml").write_text(DEVICE)
    (folder / "leak-codec.yaml").write_text(CODEC)
    (folder / "leak.js").write_text(SCRIPT)
    return tmp_path / "tree"


def edit(tree: Path, name: str, old: str, new: str) -> None:
    file = tree / "vendor" / "acme" / name
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def check(runner: CliRunner, tree: Path) -> tuple[int, list[str]]:
    result = runner.invoke(app, ["import", "lorawan", str(tree), "--check"])
    return result.exit_code, result.output.replace(f"{tree}/vendor/acme/", "").splitlines()


def test_a_tree_whose_examples_all_agree(runner: CliRunner, tree: Path) -> None:
    assert check(runner, tree) == (0, ["4 of 4 uplink examples in 1 codecs agree"])


@pytest.mark.parametrize(
    ("name", "old", "new", "difference"),
    [
        ("leak-codec.yaml", "battery: 3.4", "battery: 3.5", "a leak: data.battery: expected 3.5, got 3.4"),
        ("leak-codec.yaml", "battery: 3.4", "volts: 3.4", "a leak: data.battery: expected nothing, got 3.4"),
        ("leak-codec.yaml", "door: NO", "door: false", "a leak: data.door: expected False, got 'NO'"),
        ("leak-codec.yaml", "warnings: []", "warnings: [x]", "dry: warnings: expected ['x'], got []"),
        (
            "leak-codec.yaml",
            "[unknown port]",
            "[bad port]",
            "unknown port: errors[0]: expected 'bad port', got 'unknown port'",
        ),
        ("leak-codec.yaml", "fPort: 9", "fPort: nine", "uplinkDecoder.examples[2]: cannot be read: fPort"),
        ("leak-codec.yaml", "[0, 36, 1]", "[0, 360, 1]", "uplinkDecoder.examples[1]: cannot be read: bytes"),
        ("leak.js", "0.1 + 0.2", "0.31", "a leak: data.power: expected 0.30000000000000004, got 0.31"),
        ("leak.js", "if (!", "for (;;); if (!", "a leak: leak.js: took more than 50 ms of processor time"),
        (
            "leak.js",
            "function decodeUplink",
            "function nothing",
            "a leak: leak.js: defines none of decodeUplink",
        ),
        ("leak-codec.yaml", "leak.js", "../../../leak.js", "uplinkDecoder.fileName leads out of its folder"),
        ("leak-codec.yaml", "leak.js", "none.js", "none.js cannot be read"),
    ],
)
def test_each_difference_is_shown(
    runner: CliRunner, tree: Path, name: str, old: str, new: str, difference: str
) -> None:
    edit(tree, name, old, new)
    code, lines = check(runner, tree)
    assert code == 1
    assert [line for line in lines if difference in line]
    assert not lines[-1].startswith("4 of 4 ")


def test_a_script_that_keeps_something_is_named_and_imported_fresh(
    runner: CliRunner, tree: Path, tmp_path: Path
) -> None:
    edit(tree, "leak.js", "leak: input.bytes[0] === 1", "leak: (seen = seen || input.bytes[0] === 1)")
    file = tree / "vendor" / "acme" / "leak.js"
    file.write_text("var seen = false;" + file.read_text())
    code, lines = check(runner, tree)
    assert code == 0
    assert "its answers depend on the payloads before: it needs `fresh: true`" in lines[0]
    runner.invoke(app, ["import", "lorawan", str(tree), "--to", str(tmp_path / "to")])
    profile, problems = read_profile(tmp_path / "to" / "acme-leak-1.yaml")
    assert problems == ()
    assert profile is not None
    assert isinstance(profile.decode, CodecLayout)
    assert profile.decode.codec.fresh


def test_a_device_becomes_a_profile_that_holds(runner: CliRunner, tree: Path, tmp_path: Path) -> None:
    to = tmp_path / "to"
    result = runner.invoke(app, ["import", "lorawan", str(tree), "--to", str(to)])
    assert result.exit_code == 0, result.output
    assert "no rules: it measures, and alarms nobody until rules are written" in result.output
    assert sorted(path.name for path in to.iterdir()) == ["acme-leak-1.js", "acme-leak-1.yaml"]
    assert (to / "acme-leak-1.js").read_text() == SCRIPT
    (profile,) = load_catalogue(to).values()
    assert (profile.vendor, profile.model, profile.family) == ("ACME Ltd", "Leak 1", "well")
    assert {name: (point.kind, point.unit) for name, point in profile.points.items()} == {
        "leak": ("state", None),
        "battery": ("measure", "V"),
        "door": ("state", None),
        "distance": ("measure", "mm"),
        "power": ("measure", "1"),
    }
    assert [example.refusal for example in profile.examples] == [None, None, "codec_refused", "empty"]
    assert profile.examples[0].points == {
        "leak": True, "battery": 3.4, "door": "NO", "distance": 1700, "power": 0.3,
    }  # fmt: skip

    assert runner.invoke(app, ["check", str(to)]).exit_code == 0
    shown = runner.invoke(app, ["decode", str(to / "acme-leak-1.yaml"), "012200", "--port", "2"])
    assert "codec acme-leak-1.js" in shown.output
    assert "1700 mm" in shown.output


def test_files_that_are_there_are_kept(runner: CliRunner, tree: Path, tmp_path: Path) -> None:
    arguments = ["import", "lorawan", str(tree), "--to", str(tmp_path / "to")]
    assert runner.invoke(app, arguments).exit_code == 0
    (tmp_path / "to" / "acme-leak-1.js").write_text("mine")
    assert runner.invoke(app, arguments).exit_code == 1
    assert (tmp_path / "to" / "acme-leak-1.js").read_text() == "mine"
    assert runner.invoke(app, [*arguments, "--force", "--family", "button"]).exit_code == 0
    assert load_catalogue(tmp_path / "to")["acme-leak-1"].family == "button"


def test_each_firmware_with_a_script_of_its_own_becomes_a_profile(
    runner: CliRunner, tree: Path, tmp_path: Path
) -> None:
    folder = tree / "vendor" / "acme"
    (folder / "new-codec.yaml").write_text(CODEC)
    edit(
        tree,
        "leak-1.yaml",
        "sensors:",
        "  - version: '2.1'\n    profiles:\n      EU863-870: { id: eu, codec: new-codec }\nsensors:",
    )
    assert runner.invoke(app, ["import", "lorawan", str(tree), "--to", str(tmp_path / "to")]).exit_code == 0
    found = load_catalogue(tmp_path / "to")
    assert {name: (item.firmware.lowest, item.firmware.highest) for name, item in found.items()} == {
        "acme-leak-1-leak-codec": ("1.0", "1.0"),
        "acme-leak-1-new-codec": ("2.1", "2.1"),
    }


def test_a_path_without_devices_or_codecs_says_so(runner: CliRunner, tmp_path: Path) -> None:
    for more in ([], ["--check"]):
        result = runner.invoke(app, ["import", "lorawan", str(tmp_path), *more])
        assert result.exit_code == 1
        assert "was found" in result.output


def test_files_that_are_not_what_they_should_be_name_themselves(tree: Path) -> None:
    folder = tree / "vendor" / "acme"
    with pytest.raises(UnreadableError, match=r"leak-1\.yaml: describes no uplinkDecoder"):
        read_codec(folder / "leak-1.yaml")
    with pytest.raises(UnreadableError, match=r"leak-codec\.yaml: describes no device"):
        read_device(folder / "leak-codec.yaml")
    (folder / "bad.yaml").write_text("a: [")
    with pytest.raises(UnreadableError, match=r"bad\.yaml:"):
        read_device(folder / "bad.yaml")
    with pytest.raises(UnreadableError, match=r"gone\.yaml: cannot be read"):
        read_device(folder / "gone.yaml")
