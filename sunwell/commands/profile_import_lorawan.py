"""`sunwell profile import lorawan`: profiles out of a folder in the LoRaWAN device repository's format."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import typer
from rich.console import Console
from rich.markup import escape

from firmware_profiles.codecs import Sandbox
from firmware_profiles.codecs.agreement import Checked, checked
from firmware_profiles.codecs.repository import (
    RepositoryDevice,
    UnreadableError,
    documents,
    is_codec,
    is_device,
    read_codec,
    read_device,
)
from firmware_profiles.decode.model import MessagePayload
from firmware_profiles.generate import Draft, NotUsableError
from firmware_profiles.generate.draft import printable, slug
from firmware_profiles.generate.lorawan import ScriptedDevice, SpokenExample, profile_of_codec

_console = Console(highlight=False)
_MOST_DIFFERENCES: Final = 8
"""Of one example: more of them say nothing new."""


def check_examples(path: Path) -> None:
    """Run every uplink example of every codec below the path, and print how many agree, with each difference.

    Exits with 1 where one does not.
    """
    codecs = examples = agreed = 0
    with Sandbox() as sandbox:
        for file, document in documents(path):
            if not is_codec(document):
                continue
            codecs += 1
            try:
                codec = read_codec(file, document)
            except UnreadableError as error:
                _say(str(error))
                continue
            for problem in codec.problems:
                examples += 1
                _say(f"{file}: {problem}")
            results = list(checked(codec, sandbox))
            examples += len(results)
            agreed += sum(not result.differences for result in results)
            _say_differences(file, results)
    _say(f"{agreed} of {examples} uplink examples in {codecs} codecs agree")
    if not examples:
        _say(f"{path}: no codec with uplink examples was found")
    if agreed != examples or not examples:
        raise typer.Exit(1)


def import_devices(
    path: Path, *, to: Path, force: bool, family: str | None, write: Callable[[Draft, Path], bool]
) -> None:
    """Write a profile, with its script beside it, for each device and codec below the path.

    Exits with 1 where one could not be made or there is none.
    """
    found = failed = 0
    with Sandbox() as sandbox:
        for device, name in _pairs(path):
            found += 1
            try:
                draft = _draft(device, name, sandbox, family)
            except (NotUsableError, UnreadableError) as error:
                _say(str(error))
                failed += 1
                continue
            file = to / f"{draft.profile.id}.yaml"
            if not _write_script(draft, file, force=force):
                failed += 1
                continue
            body = {key: value for key, value in draft.document["decode"].items() if key != "text"}
            written = replace(draft, document={**draft.document, "decode": body})
            failed += not write(written, file)
    if not found:
        _say(f"{path}: no device (a file with firmwareVersions that name a codec) was found")
    if failed or not found:
        raise typer.Exit(1)


def _pairs(path: Path) -> Iterator[tuple[RepositoryDevice, str]]:
    """Each device with each codec that one of its firmware versions uses."""
    try:
        for file, document in documents(path):
            if is_device(document):
                device = read_device(file, document)
                for name in device.codecs:
                    yield device, name
    except UnreadableError as error:
        _say(str(error))


def _draft(device: RepositoryDevice, name: str, sandbox: Sandbox, family: str | None) -> Draft:
    codec = read_codec(device.file.parent / f"{name}.yaml")
    results = list(checked(codec, sandbox))
    _say_differences(codec.file, results)
    only = len(device.codecs) == 1
    key = slug(device.file.resolve().parent.name, device.file.stem, *([] if only else [name]))
    stateful = any(result.stateful for result in results)
    script = replace(codec.script, name=f"{key}.js", fresh=stateful)
    examples = [
        SpokenExample(
            result.example.description,
            MessagePayload(result.example.body, result.example.port, result.example.received_ms),
            result.answer,
        )
        for result in results
        if result.answer is not None and not result.differences
    ]
    scripted = ScriptedDevice(
        id=key,
        vendor=device.vendor,
        model=device.name,
        script=script,
        source=f"{codec.file.parent.name}/{codec.file.name} of a LoRaWAN device repository",
        sensors=device.sensors,
        versions=device.codecs[name],
        only_script=only,
    )
    return profile_of_codec(scripted, examples, sandbox, family=family)


def _write_script(draft: Draft, file: Path, *, force: bool) -> bool:
    script = file.with_suffix(".js")
    if script.exists() and not force:
        _say(f"{script}: is there already; --force writes over it")
        return False
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(draft.document["decode"]["text"], encoding="utf-8")
    return True


def _say_differences(file: Path, results: list[Checked]) -> None:
    for result in results:
        where = f"{file}: {printable(result.example.description) or 'example'}"
        for difference in result.differences[:_MOST_DIFFERENCES]:
            _say(f"{where}: {printable(difference, 300)}")
        if len(result.differences) > _MOST_DIFFERENCES:
            _say(f"{where}: {len(result.differences) - _MOST_DIFFERENCES} more differences")
    if any(result.stateful for result in results):
        _say(f"{file}: its answers depend on the payloads before: it needs `fresh: true`")


def _say(text: str) -> None:
    _console.print(escape(text), soft_wrap=True)
