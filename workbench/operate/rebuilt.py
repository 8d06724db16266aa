"""A run's environment made again: a virtual environment of exactly the packages of its lock, and a command run in it.

It is kept below ``.workbench/environments`` by the digest of the lock. pip installs, so its configuration decides from where.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from workbench.catalog.environment import ENVIRONMENTS, OURS, Lock
from workbench.config import Workspace
from workbench.errors import GuardRefused, InfrastructureError, UsageError, WorkbenchError
from workbench.runtime.files import sweep, working_folder

Tell = Callable[[str], None]
PIP = ("install", "--no-deps", "--no-input", "--disable-pip-version-check", "--quiet", "--requirement")


def build(workspace: Workspace, lock: Lock, again: str, tell: Tell = lambda _: None) -> Path:
    """The Python of a virtual environment with the packages of a lock, made unless it is there: wholly, or not at all.

    ``again`` is the command to type once what is missing is there. Raises ``InfrastructureError`` when there is no such Python,
    or pip can't get a package.
    """
    parent = workspace.state / ENVIRONMENTS
    place = parent / lock.sha256
    if (ready := _python(place)).exists():
        os.utime(place)
        return ready
    same = lock.minor == f"{sys.version_info.major}.{sys.version_info.minor}"
    python = sys.executable if same else shutil.which(f"python{lock.minor}")
    if python is None:
        raise InfrastructureError(
            f"it ran with Python {lock.python}, and there is no python{lock.minor} on PATH",
            hint=f"install Python {lock.minor}, then: {again}",
        )
    sweep(parent)
    with working_folder(parent) as work:
        tell(f"installing {len(lock.packages):,} packages")
        made, listed = work / "environment", work / "lock.txt"
        theirs = {name: number for name, number in lock.packages.items() if name != OURS}  # the code of this process runs in it
        listed.write_text(replace(lock, packages=theirs).text, encoding="utf-8")
        has_pip = importlib.util.find_spec("pip") is not None
        _do([python, "-m", "venv", *(["--without-pip"] if has_pip else []), str(made)], again)
        pip = [sys.executable, "-m", "pip", "--python", str(_python(made))] if has_pip else [str(_python(made)), "-m", "pip"]
        _do([*pip, *PIP, str(listed)], again)
        with contextlib.suppress(OSError):  # another process made the same meanwhile
            made.rename(place)
    return ready


def run_inside(workspace: Workspace, python: Path, arguments: Sequence[str]) -> dict[str, Any]:
    """What a command of ours says with ``--json`` when an environment's Python runs it.

    The code is that of this process, copied, so that nothing else that is installed beside it is found. Raises what the
    command raised.
    """
    with working_folder(workspace.state / ENVIRONMENTS) as work:
        shutil.copytree(Path(__file__).parents[1], work / "workbench")
        with contextlib.suppress(PackageNotFoundError):
            for folder in Path(str(distribution(OURS).locate_file(""))).glob("ibis_workbench-*.dist-info"):
                shutil.copytree(folder, work / folder.name)
        unwanted = ("PYTHONHOME", "__PYVENV_LAUNCHER__")
        variables = {name: value for name, value in os.environ.items() if name not in unwanted}
        variables |= {"PYTHONPATH": str(work), "VIRTUAL_ENV": str(python.parents[1]), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [str(python), "-P", "-m", "workbench", *arguments, "--json"]
        done = subprocess.run(command, cwd=workspace.root, env=variables, capture_output=True, text=True, check=False)
    try:
        said: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip() or f"it ended with {done.returncode}").splitlines()[-1]
        raise WorkbenchError(
            f"it does not work with the packages of then: {last}", hint=f"workbench {' '.join(arguments)}"
        ) from None
    if "error" in said:
        kinds = {2: UsageError, 4: GuardRefused, 5: InfrastructureError}
        error = said["error"]
        raise kinds.get(error["exit_code"], WorkbenchError)(error["message"], hint=error["hint"])
    return said


def _python(place: Path) -> Path:
    return place / "bin" / "python"


def _do(command: list[str], again: str) -> None:
    # A virtual environment is nobody's home: what says so in pip's configuration is meant for another one.
    done = subprocess.run(command, env={**os.environ, "PIP_USER": "0"}, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    said = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
    offline = "Failed to establish a new connection" in done.stderr or "Temporary failure in name resolution" in done.stderr
    why = "no package index can be reached; " if offline else ""
    why += said[-1] if said else (done.stderr.strip() or f"{command[2]} ended with {done.returncode}").splitlines()[-1]
    raise InfrastructureError(
        f"its environment can't be made: {why}",
        hint=f"let pip reach an index or a folder that has it (pip config set global.find-links FOLDER), then: {again}",
    )
