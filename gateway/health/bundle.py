"""A support bundle: a zip of what helps to find a fault, and of nobody's name, number, address or secret.

Made on the gateway beside the running program, from its files: what is not there is left out and named.
"""

import io
import json
import platform
import zipfile
from collections.abc import Iterable, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final

from gateway import wire
from gateway.core import redaction
from gateway.core.redaction import Names
from gateway.settings import GatewaySettings
from gateway.store import DesiredStore

STATE_FILE: Final = "state.json"
"""In the folder of the running program: what it last said of itself."""
LINES: Final = 2_000
HARMLESS: Final = (
    "uplink.version",
    "devices.version",
    "outputs.severities",
    "outputs.task_kinds",
)
_README: Final = """What a Sunwell gateway tells of itself, to find a fault. Made by `sunwell gateway bundle`.

Left out by design: secrets, names, telephone numbers, addresses, readings. Devices and positions are
numbered in the order of the desired state. Of a text that might quote a device or a person only the
program's own words are kept.

about.json     versions and machine
settings.json  numbers and switches; of other settings only whether they are set
state.json     software, desired state in force, health, lanes, drivers
troubles.json  what could not be used, and how often
desired.json   devices by profile and driver, rules
files.json     sizes of the lanes' files
log.jsonl      the newest lines of the log, cleaned; lines of other programs are only counted
"""


def make(
    settings: GatewaySettings, *, running: Path | None, log: Sequence[str], now_ms: int
) -> tuple[bytes, list[str]]:
    """The zip, and what could not be had. `running` is the runtime folder, `log` the log's lines."""
    missing: list[str] = []
    message = _desired(settings, missing)
    state = _state(running, missing)
    names = Names(message)
    files: dict[str, Any] = {
        "about.json": about(now_ms),
        "settings.json": redaction.settings(settings.model_dump(mode="json"), HARMLESS),
        "files.json": _sizes(settings.data),
    }
    if state is not None:
        files["state.json"] = redaction.state(state, names)
        health = state.health
        files["troubles.json"] = redaction.troubles(health.troubles if health is not None else (), names)
    if message is not None:
        files["desired.json"] = redaction.document(message, names)
    if not log:
        missing.append("log: no lines (run it as root or as a member of systemd-journal)")
    told = [redaction.log_line(line, names) for line in log[-LINES:]]
    ours = [json.dumps(line, ensure_ascii=False) for line in told if line is not None]
    files["about.json"] |= {"log_lines": len(ours), "other_lines": len(told) - len(ours), "missing": missing}
    texts = {name: json.dumps(value, indent=1, ensure_ascii=False) for name, value in files.items()}
    texts |= {"log.jsonl": "\n".join(ours), "README.txt": _README}
    return _zip(texts.items()), missing


def about(now_ms: int) -> dict[str, Any]:
    """Versions of the program and its libraries, and the machine's kind; not its name."""
    packages = {one.metadata["Name"]: one.version for one in distributions()}
    return {
        "made_ms": now_ms,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "packages": dict(sorted((name, version) for name, version in packages.items() if name)),
    }


def _desired(settings: GatewaySettings, missing: list[str]) -> wire.DesiredMessage | None:
    try:
        message = DesiredStore(settings.data / "desired.json").read()
    except (OSError, wire.WireError) as error:
        missing.append(f"desired.json: {type(error).__name__}")
        return None
    if message is None:
        missing.append("desired.json: there is none yet")
    return message


def _state(running: Path | None, missing: list[str]) -> wire.StateMessage | None:
    try:
        if running is not None:
            state: wire.StateMessage = wire.decode("up/state", (running / STATE_FILE).read_bytes())
            return state
        missing.append("state.json: the program's runtime folder is not known (--running)")
    except (OSError, wire.WireError) as error:
        missing.append(f"state.json: {type(error).__name__}: does the gateway run?")
    return None


def _sizes(folder: Path) -> dict[str, Any]:
    try:
        return {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if path.is_file()}
    except OSError as error:
        return {"error": type(error).__name__}


def _zip(texts: Iterable[tuple[str, str]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts:
            archive.writestr(name, text)
    return out.getvalue()
