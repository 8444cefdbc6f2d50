"""A support bundle holds what helps, and nobody's name, number, address or secret, however they came in."""

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway import wire
from gateway.core import redaction
from gateway.core.redaction import Names
from gateway.health import bundle
from gateway.rules.model import Event, Rule, Severity, TaskKind
from gateway.settings import GatewaySettings
from sunwell.commands.gateway import app
from tests.parts.processes import REPOSITORY

PERSONAL = {
    "name": "王秀英",
    "latin name": "Wang-Xiuying",
    "number": "13800138000",
    "spaced number": "138 0013 8000",
    "foreign number": "+49 (171) 555-0199",
    "identity card": "310101195001011234",
    "address": "幸福路1号",
    "latin address": "3-2-501",
    "mail": "xiuying.wang@example.cn",
    "password": "hunter2hunter2",
    "token": "eyJhbGciOiJIUzI1NiJ9abcdefgh",
    "sentence": "Mrs Wang has called",
    "serial": "0x00124b0022aa33bb",
}
TOPIC = f"zigbee2mqtt/button of {PERSONAL['latin name']}"
DEVICE = f"sos-{PERSONAL['latin address']}"
POSITION = f"bathroom-{PERSONAL['latin address']}"
TEXT = ", ".join(f"{key} {value}" for key, value in PERSONAL.items())
DOCUMENT = wire.DesiredMessage(
    version=7,
    devices=[
        wire.DesiredDevice(
            id=DEVICE,
            position=POSITION,
            profile="tuya-ts0215a-sos",
            driver="mqtt",
            address={"topic": TOPIC, "ieee_address": PERSONAL["serial"]},
        ),
        wire.DesiredDevice(
            id="meter",
            position="kiosk",
            profile="calex-pyrousb",
            driver="modbus",
            address={"host": PERSONAL["address"], "port": 1502, "unit": 3},
        ),
    ],
    rules=[
        Rule(
            id="sos",
            position=POSITION,
            severity=Severity.CRITICAL,
            task_kind=TaskKind.CARE,
            when=Event(point="action", values=("emergency",)),
        )
    ],
    profiles={"tuya-ts0215a-sos": {"name": PERSONAL["name"]}},
)
STATE = wire.StateMessage(
    online=True,
    session="5e1f",
    software="0.1.0",
    applied=7,
    refused=8,
    reason=f"rules.sos at position '{POSITION}': {TEXT}",
    health=wire.Health(
        at_ms=1_767_225_600_000,
        uptime_s=93.5,
        cpu_celsius=51.1,
        alarm_depth=3,
        drivers=[
            wire.DriverHealth(name="mqtt", running=True, restarts=1, readings=4, errors=3, last_error=TEXT)
        ],
        troubles=[
            wire.Trouble(source=TOPIC, reason="invalid_json", detail=TEXT, count=4, last_ms=1),
            wire.Trouble(source=DEVICE, reason="refused", detail=TEXT, count=1, last_ms=2),
            wire.Trouble(source="lane", reason="disk", detail=f"disk is full: {TEXT}", count=1, last_ms=3),
        ],
    ),
)
LOG = [
    json.dumps({"event": "alarm", "level": "info", "timestamp": "2026-03-01T08:00:00.1Z"} | more)
    for more in (
        {"device": DEVICE, "rule": "sos", "seq": 17, "change": "occurred"},
        {"device": PERSONAL["name"], "rule": TEXT, "seq": 18},
        {"event": "trouble", "source": TOPIC, "reason": TEXT, "detail": TEXT},
        {"event": "trouble", "source": "uplink", "reason": "uplink", "detail": f"broker refused: {TEXT}"},
        {"event": TEXT},
        {"event": f"no fall at {DEVICE}"},
        {"event": "driver failed", "driver": "mqtt", "reason": f"ValueError: {TEXT}"},
        {
            "event": "part failed and is started again",
            "part": "rules",
            "exception": f'Traceback:\n  File "/opt/x/gateway/judging.py", line 12, in emit\n    raise\n'
            f"ValueError: {TEXT}\n",
        },
        {PERSONAL["name"]: "x", "password": PERSONAL["password"], "deep": {"name": PERSONAL["name"]}},
    )
]


def settings(folder: Path) -> GatewaySettings:
    secret = folder / "secret"
    secret.write_text(PERSONAL["password"])
    return GatewaySettings.model_validate(
        {
            "name": f"gw-{PERSONAL['latin name']}",
            "data": folder,
            "uplink": {"host": PERSONAL["address"], "user": PERSONAL["latin name"], "password_file": secret},
            "discover": [TOPIC],
            "patterns": {TOPIC: "tuya-ts0215a-sos"},
            "http": {"sources": {"aep": {"auth": "path", "secret_file": str(secret)}}},
            "outputs": {"siren": {"pin": 17}, "voice": {"command": ["say", PERSONAL["sentence"]]}},
        }
    )


def files_of(content: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


@pytest.fixture
def made(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "desired.json").write_bytes(wire.encode(DOCUMENT))
    (tmp_path / bundle.STATE_FILE).write_bytes(wire.encode(STATE))
    lines = [*LOG, f"WARNING of another program: {TEXT}"]
    content, missing = bundle.make(settings(tmp_path), running=tmp_path, log=lines, now_ms=5)
    assert missing == []
    return files_of(content)


@pytest.mark.parametrize("kind", PERSONAL)
def test_nothing_personal_and_no_secret_is_in_it(made: dict[str, str], kind: str) -> None:
    for name, text in made.items():
        for word in (PERSONAL[kind], json.dumps(PERSONAL[kind])[1:-1]):
            assert word not in text, f"{name} tells the {kind}"


@pytest.mark.parametrize("word", ["Wang", "Xiuying", "xiuying", "hunter2", "button of", "0199", "501", "Mrs"])
def test_nor_any_part_of_it(made: dict[str, str], word: str) -> None:
    of_packages = {"about.json"}
    assert [name for name, text in made.items() if name not in of_packages and word in text] == []


def parsed(made: dict[str, str], name: str) -> Any:
    return json.loads(made[name])


def test_what_helps_is_in_it(made: dict[str, str]) -> None:
    assert parsed(made, "about.json")["packages"]["msgspec"]
    assert (parsed(made, "about.json")["log_lines"], parsed(made, "about.json")["other_lines"]) == (9, 1)
    told = parsed(made, "settings.json")
    assert (told["outputs.siren.pin"], told["uplink.port"], told["data_quota_mb"]) == (17, 1883, 256)
    state = parsed(made, "state.json")
    assert (state["applied"], state["refused"], state["health"]["alarm_depth"]) == (7, 8, 3)
    assert state["reason"].startswith("rules.… at position '<position 1>'")
    first, second, third = parsed(made, "troubles.json")
    assert (first["source"], first["reason"], first["count"]) == ("another source", "invalid_json", 4)
    assert second["source"] == "device 1"
    assert third["detail"].startswith("disk is full")
    desired = parsed(made, "desired.json")
    assert [device["profile"] for device in desired["devices"]] == ["tuya-ts0215a-sos", "calex-pyrousb"]
    assert desired["devices"][1]["address"] == {"host": "<left out>", "port": 1502, "unit": 3}
    assert (desired["rules"][0]["rule"], desired["rules"][0]["position"]) == ("sos", "position 1")
    assert "desired.json" in parsed(made, "files.json")
    lines = [json.loads(line) for line in made["log.jsonl"].splitlines()]
    assert (lines[0]["device"], lines[0]["rule"], lines[0]["seq"]) == ("device 1", "sos", 17)
    assert lines[0]["timestamp"] == "2026-03-01T08:00:00.1Z"
    assert lines[3]["detail"].startswith("broker refused")
    assert lines[6]["reason"] == "ValueError"
    assert lines[7]["exception"] == "gateway/judging.py:12 emit; ValueError"


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    content, missing = bundle.make(GatewaySettings(data=tmp_path), running=None, log=(), now_ms=5)
    assert [one.split(":")[0] for one in missing] == ["desired.json", "state.json", "log"]
    assert parsed(files_of(content), "about.json")["missing"] == missing


def test_the_command_writes_it_and_never_over_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUNWELL_GATEWAY_DATA", str(tmp_path))
    log, out = tmp_path / "log", tmp_path / "out.zip"
    log.write_text("\n".join(LOG))
    command = ["bundle", str(out), "--log", str(log), "--running", str(tmp_path)]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert len(files_of(out.read_bytes())["log.jsonl"].splitlines()) == len(LOG)
    assert CliRunner().invoke(app, command).exit_code == 1


def test_our_own_messages_stay_whole() -> None:
    """What the log of a gateway says by itself is not thinned out; a new word belongs into the vocabulary."""
    said = re.compile(r'(?:log\.(?:info|warning|error)|\bsay)\(\s*"([^"]+)"')
    events = {
        event
        for part in ("gateway", "edge")
        for path in [*(REPOSITORY / part).rglob("*.py"), REPOSITORY / "sunwell/commands/gateway.py"]
        for event in said.findall(path.read_text())
    }
    assert len(events) > 10
    assert {event for event in events if redaction.GAP in Names(None).cleaned(event)} == set()


def test_it_can_go_to_standard_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUNWELL_GATEWAY_DATA", str(tmp_path))
    (tmp_path / "log").write_text("")
    result = CliRunner().invoke(app, ["bundle", "-", "--log", str(tmp_path / "log")])
    assert result.exit_code == 0
    assert "README.txt" in files_of(result.stdout_bytes)
