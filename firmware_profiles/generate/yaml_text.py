"""A profile's document as the text of a YAML file: sections apart, with comments, and read back the same."""

from collections.abc import Mapping
from textwrap import indent
from typing import Any, Final

import yaml

from firmware_profiles.yaml12 import scalar

HEADER: Final = "# yaml-language-server: $schema=../../profile.schema.json"
WIDTH: Final = 105
_APART: Final = frozenset(
    {"parameters", "points", "decode", "rules", "heartbeat", "battery", "commissioning"}
    | {"update", "commands", "examples"}
)


class _Dumper(yaml.SafeDumper):
    """Without aliases, which profiles refuse; text that YAML 1.2 would read as something else is quoted."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
    ambiguous = not isinstance(scalar(data, plain=True), str)
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style='"' if ambiguous else None)


_Dumper.add_representer(str, _text)


def yaml_text(document: Mapping[str, Any], comments: Mapping[str, str] | None = None) -> str:
    """The file's text. `comments` stand above their section, one line each."""
    lines = [HEADER]
    for key, value in document.items():
        if key in _APART:
            lines.append("")
        lines.extend(f"# {line}" for line in (comments or {}).get(key, "").splitlines() if line)
        lines.append(_dumped(key, value))
    return "\n".join(lines) + "\n"


def _dumped(key: str, value: object) -> str:
    written: str = yaml.dump(
        value,
        Dumper=_Dumper,
        allow_unicode=True,
        sort_keys=False,
        default_flow_style=None,
        width=WIDTH,
    )
    written = written.removesuffix("...\n").rstrip("\n")
    block = isinstance(value, dict | list) and not written.startswith(("{", "["))
    return f"{key}:\n{indent(written, '  ')}" if block else f"{key}: {written}"
