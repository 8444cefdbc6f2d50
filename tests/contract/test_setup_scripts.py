"""The scripts behind make, on machines that lack something: they say what to do, and fail where they must."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.parts.presence import program_or_skip
from tests.parts.processes import REPOSITORY


def fake(folder: Path, name: str, script: str) -> None:
    """A program in `folder` that runs these shell lines."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A PATH with basic programs only, where Debian has nothing installed and the user is nobody special."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "dirname", "cat", "env", "awk", "mktemp", "rm", "tail"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    fake(folder, "dpkg-query", "exit 1")
    fake(folder, "id", "echo 1000")
    fake(folder, "apt-get", "echo must not be called; exit 99")
    return folder


def run(script: Path, path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A script with this PATH and no other environment."""
    return subprocess.run(
        [str(script)], env={"PATH": str(path), **environment}, capture_output=True, text=True, check=False
    )


def test_without_rights_it_says_what_to_install_and_goes_on(machine: Path) -> None:
    done = run(REPOSITORY / "scripts" / "system-packages", machine)
    assert done.returncode == 0
    assert "sudo apt-get install --no-install-recommends mosquitto mosquitto-clients" in done.stderr
    assert "tests that need them are skipped" in done.stderr


def test_without_rights_ci_fails(machine: Path) -> None:
    done = run(REPOSITORY / "scripts" / "system-packages", machine, CI="true")
    assert done.returncode == 1
    assert "sudo apt-get install" in done.stderr


def test_only_what_is_missing_is_installed_without_recommended_packages(
    machine: Path, tmp_path: Path
) -> None:
    fake(machine, "dpkg-query", 'for last; do :; done; [ "$last" = socat ] || echo installed')
    fake(machine, "id", "echo 0")
    fake(machine, "apt-get", f'echo "$@" >>{tmp_path}/calls')
    done = run(REPOSITORY / "scripts" / "system-packages", machine)
    assert done.returncode == 0, done.stderr
    update, install = (tmp_path / "calls").read_text().splitlines()
    assert update.endswith(" update")
    assert install.endswith("install -y --no-install-recommends socat")


def test_a_failed_installation_shows_what_apt_said(machine: Path) -> None:
    fake(machine, "id", "echo 0")
    fake(machine, "apt-get", "echo E: no such package; exit 100")
    done = run(REPOSITORY / "scripts" / "system-packages", machine, CI="true")
    assert done.returncode == 1
    assert "E: no such package" in done.stderr


def test_an_old_python_is_passed_over_and_said(machine: Path) -> None:
    fake(machine, "python3", "exit 1")
    done = run(REPOSITORY / "scripts" / "python", machine)
    assert done.returncode == 1
    assert "No Python of at least 3.11" in done.stderr
    fake(machine, "python3.12", "exit 0")
    done = run(REPOSITORY / "scripts" / "python", machine)
    assert done.stdout.strip() == str(machine / "python3.12")


@pytest.mark.parametrize("beside", [True, False])
def test_ci_runs_make_test_with_the_vectors_that_lie_beside_it(
    machine: Path, tmp_path: Path, beside: bool
) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(REPOSITORY / ".ci", checkout / ".ci")
    vectors = tmp_path / "shared" / "vectors"
    if beside:
        vectors.mkdir(parents=True)
    fake(machine, "make", 'echo "$@ in $PWD with ${SUNWELL_VECTORS-none}"')
    done = run(checkout / ".ci" / "run", machine)
    assert done.stdout.strip() == f"test in {checkout} with {vectors if beside else 'none'}"


def test_scripts_are_executable() -> None:
    scripts = [*(REPOSITORY / "scripts").iterdir(), REPOSITORY / ".ci" / "run"]
    assert [path.name for path in scripts if not os.access(path, os.X_OK)] == []


@pytest.mark.parametrize(("ci", "ending"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_a_missing_part_fails_in_ci_and_skips_elsewhere(
    monkeypatch: pytest.MonkeyPatch, ci: str, ending: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(ending, match="sudo apt-get install --no-install-recommends some-package"):
        program_or_skip("a-program-that-is-not-there", package="some-package")
