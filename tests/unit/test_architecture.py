"""The shape that the project keeps: import rules that leave nobody out, small documented files, no strays."""

import ast
import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
NOT_PARTS = {"tests", "benchmarks"}
GREATEST_LENGTH = 400
FROZEN = "server/db/migrations/versions/"
"""A migration is one piece, and never edited once shipped."""
OTHERS_WORK = ("server/web/static/vendor/",)
"""Vendored: kept as their makers ship them."""
LONG_BY_NATURE = {"LICENSE", "requirements.lock", "CHANGELOG.md", "README.md", "DECISIONS.md"}
SOURCE = {".py", ".html", ".css", ".js", ".yaml", ".yml", ".toml", ".sh", ".sql", ""}

# Written as patterns that do not match themselves.
HOSTS = [
    r"pypi[.]org",
    r"pythonhosted[.]",
    r"npmjs[.]",
    r"crates[.]io",
    r"deb[.]debian",
    r"proxy[.]golang",
    r"maven[.]org",
]
MACHINE_PATHS = [r"/[w]ork/", r"(?<![\w.])/[r]oot/", r"/[h]ome/[a-z]+/", r"[.][p]yenv"]


@cache
def tracked() -> tuple[Path, ...]:
    """Files under version control that exist, our own only."""
    run = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True)
    names = [name for name in run.stdout.decode().split("\0") if name and not name.startswith(OTHERS_WORK)]
    return tuple(path for name in names if (path := REPOSITORY / name).is_file())


@cache
def project() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


def contract(beginning: str) -> dict[str, Any]:
    """The import contract whose name begins so."""
    contracts = project()["tool"]["importlinter"]["contracts"]
    (found,) = [contract for contract in contracts if contract["name"].startswith(beginning)]
    return dict(found)


def parts() -> set[str]:
    """The packages at the root that make up the product."""
    return {path.parent.name for path in REPOSITORY.glob("*/__init__.py")} - NOT_PARTS


def name(path: Path) -> str:
    """The path within the repository."""
    return path.relative_to(REPOSITORY).as_posix()


def module(path: Path) -> str:
    """The dotted name of a file or folder."""
    return name(path).removesuffix(".py").replace("/", ".")


def text_of(path: Path) -> str | None:
    """A file's text; None for pictures and the like."""
    try:
        return path.read_text()
    except UnicodeDecodeError:
        return None


def test_import_rules_name_every_part() -> None:
    linter = project()["tool"]["importlinter"]
    layers = [part for layer in contract("Layers")["layers"] for part in re.split(r"\s*[|:]\s*", layer)]
    assert set(linter["root_packages"]) == parts()
    assert sorted(layers) == sorted(parts())
    included = project()["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {pattern.removesuffix("*") for pattern in included} == parts()
    assert parts() <= set(project()["tool"]["mypy"]["packages"])


def test_every_core_is_held_to_be_free_of_io() -> None:
    cores = {module(path) for part in parts() for path in (REPOSITORY / part).rglob("core") if path.is_dir()}
    assert cores <= set(contract("Cores")["source_modules"])


def test_every_driver_is_held_to_be_independent() -> None:
    folder = REPOSITORY / "edge" / "drivers"
    packages = {path.parent for path in folder.glob("*/__init__.py")}
    drivers = {module(path) for path in packages | set(folder.glob("*.py")) if path.stem != "__init__"}
    assert drivers == set(contract("Drivers")["modules"])


def test_the_image_gets_every_part() -> None:
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    assert {line[1:].strip("/") for line in lines if line.startswith("!") and line.endswith("/")} == parts()


def test_every_package_folder_is_one_and_its_data_is_installed() -> None:
    patterns = project()["tool"]["setuptools"]["package-data"]["*"]
    stray = []
    for path in tracked():
        if name(path).split("/")[0] not in parts():
            continue
        if path.suffix == ".py" and not (path.parent / "__init__.py").exists():
            stray.append(f"{name(path)}: its folder has no __init__.py, so it is not installed")
        if path.suffix != ".py" and not any(path.match(pattern) for pattern in patterns):
            stray.append(f"{name(path)}: no pattern in package-data installs it")
    assert not stray, "\n".join(stray)


def test_files_stay_small() -> None:
    long = {
        name(path): count
        for path in tracked()
        if path.suffix in SOURCE and path.name not in LONG_BY_NATURE and not name(path).startswith(FROZEN)
        if (text := text_of(path)) is not None and (count := text.count("\n")) > GREATEST_LENGTH
    }
    assert not long


def test_every_module_says_what_it_is() -> None:
    silent = [
        name(path)
        for path in tracked()
        if path.suffix == ".py"
        if (text := path.read_text()).strip() and not ast.get_docstring(ast.parse(text))
    ]
    assert not silent


@pytest.mark.parametrize("pattern", [*HOSTS, *MACHINE_PATHS])
def test_no_file_depends_on_one_machine_or_registry(pattern: str) -> None:
    found = [
        f"{name(path)}:{number}"
        for path in tracked()
        for number, line in enumerate((text_of(path) or "").splitlines(), 1)
        if re.search(pattern, line)
    ]
    assert not found


def test_the_lock_names_versions_only() -> None:
    lines = (REPOSITORY / "requirements.lock").read_text().splitlines()
    locked = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line) for line in locked)
    names = {re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in locked}
    extras = project()["project"]["optional-dependencies"]
    wanted = [*project()["project"]["dependencies"], *(line for lines in extras.values() for line in lines)]
    wanted_names = {re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~! ]", line)[0]).lower() for line in wanted}
    assert wanted_names - {"sunwell"} <= names


@pytest.mark.parametrize("document", ["README.md", "CHANGELOG.md", "DECISIONS.md", "LICENSE"])
def test_the_project_explains_itself(document: str) -> None:
    assert len((REPOSITORY / document).read_text()) > 500
