"""`sunwell profile import`: profiles out of what others have written down about devices."""

import json
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape

from firmware_profiles import ProfileErrors, load_catalogue, read_profile
from firmware_profiles.generate import Draft, NotUsableError
from firmware_profiles.generate.register_table import TableOf, profile_of_registers
from firmware_profiles.generate.yaml_text import yaml_text
from firmware_profiles.generate.zigbee import profile_of_definition
from sunwell.commands.profile_import_lorawan import check_examples, import_devices

app = typer.Typer(help="Make profiles out of other descriptions of devices.", no_args_is_help=True)
_console = Console(highlight=False)

COMMENTS: Final = {
    "id": "Made by an import: nobody has seen this device yet. Check names, ranges and rules.",
    "rules": "Severity, task and words are the usual ones. A limit needs the source that it comes from.",
    "heartbeat": "A device that is silent longer than silent_after protects nobody: measure its rhythm.",
    "examples": "Add payloads of the real device: paste them into `sunwell profile decode` first.",
}

Folder = Annotated[Path, typer.Option("--to", "-o", help="Folder for the files.")]
Force = Annotated[bool, typer.Option("--force", help="Write over files that are there.")]


@app.command("zigbee")
def zigbee(
    path: Annotated[Path, typer.Argument(help="JSON of Zigbee2MQTT: bridge/devices, or definitions.")],
    to: Folder = Path(),
    force: Force = False,
    known: Annotated[
        bool, typer.Option("--known", help="Also models that have a packaged profile already.")
    ] = False,
) -> None:
    """Write one profile for each Zigbee2MQTT definition."""
    catalogue = load_catalogue()
    done: set[str] = set()
    written = failed = 0
    for definition, mains in _definitions(_json(path)):
        try:
            draft = profile_of_definition(definition, mains=mains)
        except NotUsableError as error:
            _console.print(escape(str(error)), soft_wrap=True)
            failed += 1
            continue
        profile = draft.profile
        if profile.id in done:
            continue
        done.add(profile.id)
        there = catalogue.find(profile.vendor, profile.model)
        if there and not known:
            _console.print(f"{profile.vendor} {profile.model}: has the profile {there[0].id} already")
            continue
        failed += not _write(draft, to, force=force)
        written += 1
    if not written and not done:
        _console.print(f"{escape(str(path))}: holds no definition with exposes")
        raise typer.Exit(1)
    if failed:
        raise typer.Exit(1)


@app.command("modbus-csv")
def modbus_csv(
    path: Annotated[Path, typer.Argument(help="The register table.")],
    vendor: Annotated[str, typer.Option(help="The maker.")],
    model: Annotated[str, typer.Option(help="The model, as its maker calls it.")],
    family: Annotated[str, typer.Option(help="fall, button, well or temperature.")] = "well",
    every: Annotated[str, typer.Option(help="How often the registers are read.")] = "10s",
    silent_after: Annotated[str, typer.Option(help="After what silence it counts as silent.")] = "2m",
    addresses: Annotated[
        str, typer.Option(help="auto: 40001 counts from 1, 0 does not. manual: all do. protocol: none do.")
    ] = "auto",
    to: Folder = Path(),
    force: Force = False,
) -> None:
    """Write the profile of a table of Modbus registers (CSV)."""
    counting = {"auto": None, "manual": True, "protocol": False}
    if addresses not in counting:
        raise typer.BadParameter(f"one of {', '.join(counting)}", param_hint="--addresses")
    of = TableOf(
        vendor=vendor,
        model=model,
        family=family,
        every=every,
        silent_after=silent_after,
        manual_addresses=counting[addresses],
    )
    try:
        draft = profile_of_registers(_table(path), of, file=path.as_posix())
    except (ProfileErrors, NotUsableError) as error:
        _console.print(escape(str(error)), soft_wrap=True)
        raise typer.Exit(1) from error
    if not _write(draft, to, force=force):
        raise typer.Exit(1)


@app.command("lorawan")
def lorawan(
    path: Annotated[
        Path, typer.Argument(exists=True, help="A device's file, a vendor's folder, or a whole tree.")
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing: run every uplink example and show differences.")
    ] = False,
    family: Annotated[
        str | None,
        typer.Option(help="fall, button, well or temperature; guessed from the sensors if not given."),
    ] = None,
    to: Folder = Path(),
    force: Force = False,
) -> None:
    """Write profiles of devices with a TS013 codec, in the LoRaWAN device repository's format."""
    if check:
        check_examples(path)
    else:
        import_devices(
            path,
            to=to,
            force=force,
            family=family,
            write=lambda draft, file: write_profile(draft, file, COMMENTS, force=force),
        )


def _definitions(document: Any) -> list[tuple[dict[str, Any], bool | None]]:
    """The definitions of bridge/devices, of a list of them, or a single one; with the power source."""
    entries = document if isinstance(document, list) else [document]
    found: list[tuple[dict[str, Any], bool | None]] = []
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        definition = entry if "exposes" in entry else entry.get("definition")
        if isinstance(definition, dict):
            power = str(entry.get("power_source") or "")
            found.append((definition, "battery" not in power.casefold() if power else None))
    return found


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        _console.print(escape(f"{path}: cannot be read as JSON: {error}"), soft_wrap=True)
        raise typer.Exit(1) from error


def _table(path: Path) -> str:
    """The table's text: UTF-8, or GB 18030 as Chinese spreadsheets save it."""
    try:
        data = path.read_bytes()
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            return data.decode("gb18030")
    except (OSError, UnicodeDecodeError) as error:
        _console.print(escape(f"{path}: cannot be read: {error}"), soft_wrap=True)
        raise typer.Exit(1) from error


def _write(draft: Draft, folder: Path, *, force: bool) -> bool:
    """Writes the file, and says what was left out. False where one was there already."""
    return write_profile(draft, folder / f"{draft.profile.id}.yaml", COMMENTS, force=force)


def write_profile(draft: Draft, file: Path, comments: dict[str, str], *, force: bool) -> bool:
    """Writes a draft as a profile's file and reads it back. False, with the reason said, where it can't."""
    if file.exists() and not force:
        _console.print(escape(f"{file}: is there already; --force writes over it"), soft_wrap=True)
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml_text(draft.document, comments), encoding="utf-8")
    _, problems = read_profile(file)
    for problem in problems:
        _console.print(escape(str(problem)), soft_wrap=True)
    profile = draft.profile
    _console.print(
        escape(f"{file}: {len(profile.points)} points, rules: {', '.join(profile.rules) or 'none'}"),
        soft_wrap=True,
    )
    for note in draft.notes:
        _console.print(escape(f"  {note}"), soft_wrap=True)
    return not problems
