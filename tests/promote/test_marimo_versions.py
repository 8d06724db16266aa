"""The range of marimo that is promised, and that the tests run on its ends: `make test` on the newest, `make test-oldest`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import marimo
from packaging.requirements import Requirement
from packaging.version import Version

from workbench.sandbox.environment import analyst_environment

ROOT = Path(__file__).resolve().parents[2]


def pinned(lock: str) -> Version:
    """The marimo that a file of ``constraints/`` pins."""
    found = re.search(r"^marimo==(\S+)", (ROOT / "constraints" / lock).read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None, lock
    return Version(found[1])


def promised() -> Requirement:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (found,) = [each for each in map(Requirement, project["dependencies"]) if each.name == "marimo"]
    return found


def test_both_ends_of_the_promised_range_are_pinned():
    (lower,) = [Version(each.version) for each in promised().specifier if each.operator == ">="]
    assert pinned("oldest-marimo.txt") == lower
    assert pinned("test.txt") in promised().specifier
    assert pinned("test.txt") >= pinned("oldest-marimo.txt")


def test_the_marimo_that_runs_is_the_one_asked_for():
    running = Version(marimo.__version__)
    if os.environ.get("WORKBENCH_TEST_MARIMO") == "oldest":
        assert running == pinned("oldest-marimo.txt")
    else:
        assert running in promised().specifier


def test_the_processes_that_run_notebooks_run_the_same_marimo(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-c", "import marimo; print(marimo.__version__)"],
        env=analyst_environment(tmp_path, tmp_path / "s.duckdb"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == marimo.__version__
