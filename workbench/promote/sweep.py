"""What-if: one output at many values of its parameters, computed in the sandbox; production is not touched.

Each scenario's table is kept as ``.workbench/sweeps/<output>/<id>/<scenario>.parquet``, so that two can be compared.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from workbench.config import Workspace
from workbench.errors import InfrastructureError, UnknownName, UsageError, WorkbenchError, quoted
from workbench.model import Parameter
from workbench.promote.module import Module, build_module
from workbench.promote.notebook import read_notebook
from workbench.promote.sandboxed import run_job, stage
from workbench.promote.slice import Slice, Slicing, slice_notebook
from workbench.runtime.files import working_folder
from workbench.sandbox import registry

MOST_SCENARIOS = 100
MOST_KEPT = 10


@dataclass(frozen=True, slots=True)
class Scenario:
    """One setting of the parameters and what came of it: ``columns`` has mean and sum of each numeric column.

    ``error`` says why there is no table; then ``file`` and ``rows`` are None.
    """

    number: int
    parameters: dict[str, Any]
    rows: int | None
    columns: dict[str, dict[str, Any]]
    file: Path | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Sweep:
    """All scenarios of one output; ``varied`` are the names of the parameters that were given values."""

    id: str
    output: str
    sandbox: str
    sample: str
    key: tuple[str, ...]
    varied: tuple[str, ...]
    scenarios: tuple[Scenario, ...]
    folder: Path


def combinations(
    parameters: Sequence[Parameter], given: Sequence[str], *, notebook: object = "NOTEBOOK"
) -> tuple[dict[str, Any], ...]:
    """All settings that ``name=value,value`` texts ask for together; parameters that are not named keep their defaults.

    >>> least = Parameter("least", "int", 3, ge=0, le=9)
    >>> combinations([least, Parameter("kind", "str", "all")], ["least=1,2", 'kind=all,"a,b"'])[-1]
    {'least': 2, 'kind': 'a,b'}
    """
    known = {parameter.name: parameter for parameter in parameters}
    values: dict[str, list[Any]] = {name: [parameter.default] for name, parameter in known.items()}
    for name, texts in (_named(text) for text in given):
        if name not in known:
            raise UnknownName.of("parameter", name, known, hint=f"workbench check {quoted(notebook)}")
        if sum(_named(text)[0] == name for text in given) > 1:
            raise UsageError(f"parameter {name} is given twice", hint=f"give all its values at once: -p {name}=1,2,3")
        values[name] = list(dict.fromkeys(known[name].parse(text) for text in texts))
    count = 1
    for each in values.values():
        count *= len(each)
    if count > MOST_SCENARIOS:
        raise UsageError(
            f"{count:,} scenarios are asked for, and one sweep takes at most {MOST_SCENARIOS}", hint="give fewer values with -p"
        )
    return tuple(dict(zip(values, each, strict=True)) for each in itertools.product(*values.values()))


def _named(text: str) -> tuple[str, list[str]]:
    name, separator, values = text.partition("=")
    if not separator or not name:
        raise UsageError(
            f"{text!r} names no parameter and values", hint="write -p NAME=VALUE,VALUE, for example -p min_delay=5,15"
        )
    return name.strip(), next(csv.reader([values], skipinitialspace=True), None) or [""]


def sweep(workspace: Workspace, notebook: Path, output: str, given: Sequence[str], *, timeout: float = 600.0) -> Sweep:
    """Compute an output at each setting, and keep what came of it.

    The same sweep on the same sandbox has the same id, and takes the place of the one before.
    """
    read = read_notebook(notebook)
    slicing = slice_notebook(read, workspace.settings.sources)
    needed = _needed(slicing, output)
    for cut in needed:
        if cut.refusals:
            raise WorkbenchError(
                f"{cut.mark.name} can't be cut: {cut.refusals[0].message}", hint=f"workbench check {quoted(read.path)}"
            )
    parameters = {parameter.name: parameter for cut in needed for parameter in cut.parameters}
    settings = combinations(list(parameters.values()), given, notebook=read.path)
    sandbox = registry.active(workspace)
    modules = [build_module(cut, read) for cut in needed]
    identity = _identity(modules, settings, sandbox.id)
    place = workspace.state / "sweeps" / output / identity
    with TemporaryDirectory(prefix="workbench-sweep-") as name, working_folder(place.parent) as results:
        folder = Path(name)
        job = {
            "modules": [stage(folder, cut, module) for cut, module in zip(needed, modules, strict=True)],
            "scenarios": settings,
            "folder": str(results),
        }
        worker = "workbench.promote.sweep_run"
        found, log = run_job(
            worker, job, folder,
            root=workspace.root, notebook=read.path, sandbox=sandbox.path, timeout=timeout, write=[results],
        )  # fmt: skip
        if found is None:
            raise InfrastructureError(f"the sandbox process ended: {log}", hint=f"workbench check {quoted(read.path)}")
        scenarios = tuple(
            Scenario(number, setting, file=place / f"{number}.parquet" if not each["error"] else None, **each)
            for number, (setting, each) in enumerate(zip(settings, found, strict=True), start=1)
        )
        (results / "sweep.json").write_text(
            json.dumps({"output": output, "sandbox": sandbox.id, "scenarios": settings}, indent=2, default=str) + "\n",
            encoding="utf-8",
        )
        shutil.rmtree(place, ignore_errors=True)
        results.rename(place)
    _forget_oldest(place)
    varied = tuple(_named(text)[0] for text in given)
    return Sweep(identity, output, sandbox.id, sandbox.sample, needed[-1].mark.key, varied, scenarios, place)


def _needed(slicing: Slicing, output: str) -> list[Slice]:
    """The slice of an output after those that it reads, directly or through others."""
    by_name = {cut.mark.name: cut for cut in slicing.slices}
    if output not in by_name:
        raise UnknownName.of("output", output, by_name, hint=f"workbench check {quoted(slicing.notebook.path)}")
    wanted = {output}
    for cut in reversed(slicing.slices):  # upstream comes before downstream
        if cut.mark.name in wanted:
            wanted |= {source.name for source in cut.inputs if source.kind == "pipeline"}
    return [cut for cut in slicing.slices if cut.mark.name in wanted]


def _identity(modules: Sequence[Module], settings: Sequence[dict[str, Any]], sandbox: str) -> str:
    parts = [sandbox, json.dumps(settings, default=str), *(module.logic_sha256 for module in modules)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]


def _forget_oldest(kept: Path) -> None:
    """Sweeps are looked at and forgotten: the newest of each output stay."""
    others = [folder for folder in kept.parent.iterdir() if (folder / "sweep.json").is_file() and folder != kept]
    for folder in sorted(others, key=lambda each: each.stat().st_mtime, reverse=True)[MOST_KEPT - 1 :]:
        shutil.rmtree(folder, ignore_errors=True)
