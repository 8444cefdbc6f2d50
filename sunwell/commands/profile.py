"""`sunwell profile`: list the device models, check profile files, decode a payload step by step."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from firmware_profiles import (
    Catalogue,
    ExplainedSample,
    FieldStep,
    MessagePayload,
    Payload,
    Problem,
    Profile,
    ProfileErrors,
    explain,
    load_catalogue,
    parse_payload,
    read_profile,
    run_examples,
)
from firmware_profiles.codecs import Sandbox
from firmware_profiles.examples import iso_text
from firmware_profiles.load import MODELS
from firmware_profiles.problems import meant
from sunwell.commands import profile_import, profile_new

app = typer.Typer(help="Device profiles: what a model sends and what it means.", no_args_is_help=True)
app.add_typer(profile_import.app, name="import")
app.command("new")(profile_new.new)
_console = Console(highlight=False)


@app.command("list")
def list_profiles(
    folder: Annotated[Path | None, typer.Option(help="Another folder of profiles.")] = None,
) -> None:
    """Show all device models."""
    table = Table(Column("id", no_wrap=True), "family", "model", "name 名称", "transport", "verified")
    for profile in _catalogue(folder).values():
        table.add_row(
            profile.id,
            profile.family,
            f"{profile.vendor} {profile.model}",
            profile.name.zh,
            profile.transport,
            profile.verified,
        )
    _console.print(table)


@app.command()
def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files or folders; without, the packaged profiles.")
    ] = None,
) -> None:
    """Check profile files and run their examples; show all that is wrong."""
    files = [
        file for path in paths or [] for file in (sorted(path.rglob("*.yaml")) if path.is_dir() else [path])
    ]
    if not paths:
        files = sorted(MODELS.rglob("*.yaml"))
    if not files:
        _console.print("no profile found (*.yaml)")
        raise typer.Exit(1)
    problems: list[Problem] = []
    with Sandbox() as codecs:
        for file in files:
            profile, found = read_profile(file)
            problems.extend(found)
            if profile is not None:
                problems.extend(run_examples(profile, file.as_posix(), codecs))
    for problem in problems:
        _console.print(escape(str(problem)), soft_wrap=True)
    _console.print(f"{len(files)} profiles, {len(problems)} problems")
    if problems:
        raise typer.Exit(1)


@app.command()
def decode(
    profile_id: Annotated[str, typer.Argument(metavar="ID", help="The profile, or the path of its file.")],
    payload: Annotated[
        str, typer.Argument(help="Hexadecimal, base64, JSON, or registers as fc:address=value,value.")
    ],
    port: Annotated[int | None, typer.Option(help="The LoRaWAN port.")] = None,
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="A unit's parameter, name=number.")
    ] = None,
) -> None:
    """Decode a payload and show bytes, fields and points."""
    profile = find_profile(profile_id)
    try:
        given = parse_payload(payload, port=port)
        parameters = _parameters(profile, parameter or [])
    except ValueError as error:
        _console.print(escape(str(error)), soft_wrap=True)
        raise typer.Exit(2) from error
    with Sandbox() as codecs:
        explanation = explain(profile, given, parameters=parameters, codecs=codecs)
    _console.print(f"[bold]{escape(profile.id)}[/bold] {profile.name.zh} / {escape(profile.name.en)}")
    if explanation.refusal is not None:
        _console.print(
            f"refused: {explanation.refusal.reason}: {escape(explanation.refusal.message)}", soft_wrap=True
        )
        raise typer.Exit(1)
    _console.print(f"read as: {escape(explanation.layout)}")
    for number, sample in enumerate(explanation.samples, start=1):
        if len(explanation.samples) > 1:
            _console.print(f"sample {number} of {len(explanation.samples)}")
        _show(profile, sample, given)
    for note in explanation.notes:
        _console.print(f"note: {escape(note)}", soft_wrap=True)


def _catalogue(folder: Path | None = None) -> Catalogue:
    try:
        return load_catalogue(folder)
    except ProfileErrors as errors:
        _console.print(escape(str(errors)), soft_wrap=True)
        raise typer.Exit(1) from errors


def find_profile(name: str) -> Profile:
    """The profile with this id, or of this file. Says what is wrong and exits where there is none."""
    if name.endswith(".yaml"):
        profile, problems = read_profile(Path(name))
        if profile is None:
            _console.print(escape("\n".join(str(problem) for problem in problems)), soft_wrap=True)
            raise typer.Exit(1)
        return profile
    catalogue = _catalogue()
    if name not in catalogue:
        _console.print(f"no profile {escape(repr(name))}{escape(meant(name, catalogue))}; see `profile list`")
        raise typer.Exit(2)
    return catalogue[name]


def _parameters(profile: Profile, given: list[str]) -> dict[str, float]:
    values = {}
    for text in given:
        name, _, number = text.partition("=")
        if name not in profile.parameters:
            raise ValueError(f"{profile.id} has no parameter {name!r}{meant(name, profile.parameters)}")
        values[name] = float(number)
    return values


def _place(step: FieldStep) -> str:
    if isinstance(step.at, str):
        return step.at
    start, length = step.at
    return f"byte {start}" if length == 1 else f"bytes {start} to {start + length - 1}"


def _raw(step: FieldStep, payload: Payload) -> str:
    if isinstance(step.at, str) or not isinstance(payload, MessagePayload):
        return repr(step.raw)
    start, length = step.at
    return f"{payload.body[start : start + length].hex(' ')} = {step.raw!r}"


def _value(step: FieldStep) -> str:
    if step.status is not None:
        return f"no value: {step.status}"
    return "nothing to say" if step.value is None else repr(step.value)


def _show(profile: Profile, explained: ExplainedSample, payload: Payload) -> None:
    fields = Table("where", "raw", "field", "value", title="fields", title_justify="left")
    for step in explained.fields:
        row = (_place(step), _raw(step, payload), step.name, _value(step))
        fields.add_row(*map(escape, row))
    sample = explained.sample
    points = Table("point", "name 名称", "value", "unit", "", title="points", title_justify="left")
    for name, reading in sample.points.items():
        point = profile.points[name]
        mark = "outside its range" if name in sample.bad else ""
        points.add_row(name, point.name.zh, escape(str(reading)), escape(point.unit or ""), mark)
    for name, status in sample.status.items():
        points.add_row(name, profile.points[name].name.zh, "–", "", escape(status))
    _console.print(fields, points)
    if sample.time_ms is not None:
        _console.print(f"device time: {iso_text(sample.time_ms)}")
    if sample.key is not None:
        _console.print(f"key: {escape(sample.key)}")
