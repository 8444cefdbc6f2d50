"""The schema for editors is fresh, and each packaged profile names it."""

import os
from pathlib import Path

from firmware_profiles.editor_schema import FILE, editor_schema
from firmware_profiles.load import MODELS


def test_the_schema_is_fresh() -> None:
    assert FILE.read_text(encoding="utf-8") == editor_schema(), (
        "run: python -m firmware_profiles.editor_schema"
    )


def test_each_profile_names_the_schema() -> None:
    for path in MODELS.rglob("*.yaml"):
        relative = Path(os.path.relpath(FILE, path.parent)).as_posix()
        first = path.read_text(encoding="utf-8").splitlines()[0]
        assert first == f"# yaml-language-server: $schema={relative}", path.name


def test_each_profile_stands_in_the_folder_of_its_family() -> None:
    for path in MODELS.rglob("*.yaml"):
        assert f"\nfamily: {path.parent.name}\n" in path.read_text(encoding="utf-8")
