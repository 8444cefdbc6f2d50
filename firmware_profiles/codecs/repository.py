"""Reads a folder in the format of the LoRaWAN device repository: devices, their codecs, and worked examples.

    vendor/<vendor>/<device>.yaml  name, sensors, firmwareVersions: [{version, profiles: {<region>: {codec}}}]
    vendor/<vendor>/<codec>.yaml   uplinkDecoder: {fileName, examples: [{description, input, output}]}
    vendor/<vendor>/<codec>.js     the script; fileName may lead into a folder below

The files are other people's: whatever is wrong in one is said with its place and never ends the reading of
the others.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from firmware_profiles.layouts import MAXIMUM_SCRIPT_BYTES, CodecScript
from firmware_profiles.yaml12 import parse

_MOST_YAML_BYTES: Final = 4 * 1_048_576


class UnreadableError(ValueError):
    """A file is not what it should be. The text names the file and what is wrong."""


@dataclass(frozen=True)
class UplinkExample:
    """`output` is what the script returns: `data`, or `errors`, and `warnings`."""

    description: str
    body: bytes
    port: int | None
    received_ms: int | None
    output: Mapping[str, Any]


@dataclass(frozen=True)
class RepositoryCodec:
    """A codec's file. `problems` name the examples that could not be read."""

    file: Path
    script: CodecScript
    examples: tuple[UplinkExample, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class RepositoryDevice:
    """A device's file. `codecs` holds by codec name the firmware versions that it decodes, oldest first."""

    file: Path
    vendor: str
    name: str
    description: str
    sensors: tuple[str, ...]
    codecs: Mapping[str, tuple[str, ...]]


def documents(tree: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """All YAML objects below a folder (or of one file), in the order of their names."""
    for path in sorted(tree.rglob("*.yaml")) if tree.is_dir() else [tree]:
        try:
            yield path, _document(path)
        except UnreadableError:
            if path == tree:
                raise


def is_codec(document: Mapping[str, Any]) -> bool:
    """Whether the document describes an uplink decoder."""
    return isinstance(document.get("uplinkDecoder"), dict)


def is_device(document: Mapping[str, Any]) -> bool:
    """Whether the document describes a device."""
    return isinstance(document.get("firmwareVersions"), list)


def read_codec(file: Path, document: Mapping[str, Any] | None = None) -> RepositoryCodec:
    """The codec with its script and its examples. Raises UnreadableError."""
    decoder = (document or _document(file)).get("uplinkDecoder")
    if not isinstance(decoder, dict):
        raise UnreadableError(f"{file}: describes no uplinkDecoder")
    name = decoder.get("fileName")
    if not isinstance(name, str):
        raise UnreadableError(f"{file}: uplinkDecoder.fileName is missing")
    text = _script(file, name)
    examples: list[UplinkExample] = []
    problems: list[str] = []
    given = decoder.get("examples") or []
    for index, item in enumerate(given if isinstance(given, list) else []):
        try:
            examples.append(_example(item))
        except (TypeError, ValueError, KeyError) as error:
            problems.append(f"uplinkDecoder.examples[{index}]: cannot be read: {error}")
    return RepositoryCodec(file, CodecScript(Path(name).name, text), tuple(examples), tuple(problems))


def read_device(file: Path, document: Mapping[str, Any] | None = None) -> RepositoryDevice:
    """The device and which of its firmware versions uses which codec. Raises UnreadableError."""
    document = document or _document(file)
    if not is_device(document):
        raise UnreadableError(f"{file}: describes no device (firmwareVersions is missing)")
    versions: dict[str, list[str]] = {}
    for entry in document["firmwareVersions"]:
        profiles = entry.get("profiles") if isinstance(entry, dict) else None
        for region in profiles.values() if isinstance(profiles, dict) else ():
            codec = region.get("codec") if isinstance(region, dict) else None
            if isinstance(codec, str):
                known = versions.setdefault(codec, [])
                version = str(entry.get("version", ""))
                if version and version not in known:
                    known.append(version)
    sensors = document.get("sensors")
    return RepositoryDevice(
        file,
        vendor=_vendor(file),
        name=str(document.get("name") or file.stem),
        description=str(document.get("description") or ""),
        sensors=tuple(str(item) for item in sensors) if isinstance(sensors, list) else (),
        codecs={codec: tuple(found) for codec, found in versions.items()},
    )


def _vendor(file: Path) -> str:
    """The vendor's name in the list beside the folders; the folder's own name where there is none."""
    folder = file.resolve().parent
    try:
        vendors = _document(folder.parent / "index.yaml").get("vendors")
    except UnreadableError:
        vendors = None
    for entry in vendors if isinstance(vendors, list) else ():
        if isinstance(entry, dict) and entry.get("id") == folder.name:
            return str(entry.get("name") or folder.name)
    return folder.name


def _document(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > _MOST_YAML_BYTES:
            raise UnreadableError(f"{file}: larger than {_MOST_YAML_BYTES} bytes")
        parsed = parse(file.read_text(encoding="utf-8-sig"), file.as_posix())
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableError(f"{file}: cannot be read: {error}") from error
    if not isinstance(parsed.document, dict):
        raise UnreadableError(str(parsed.problems[0]) if parsed.problems else f"{file}: holds no object")
    return parsed.document


def _script(file: Path, name: str) -> str:
    folder = file.resolve().parent
    script = (folder / name).resolve()
    if not script.is_relative_to(folder):
        raise UnreadableError(f"{file}: uplinkDecoder.fileName leads out of its folder, got {name!r}")
    try:
        if script.stat().st_size > MAXIMUM_SCRIPT_BYTES:
            raise UnreadableError(f"{file}: {name} has more than {MAXIMUM_SCRIPT_BYTES} bytes")
        return script.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise UnreadableError(f"{file}: {name} cannot be read: {error}") from error


def _example(item: Any) -> UplinkExample:
    given, output = item["input"], item["output"]
    if not isinstance(output, dict):
        raise TypeError("output is no object")
    port = given.get("fPort")
    if port is not None and not isinstance(port, int):
        raise TypeError(f"fPort is no number, got {port!r}")
    return UplinkExample(str(item.get("description") or ""), bytes(given["bytes"]), port, None, output)
