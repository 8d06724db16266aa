"""Jobs with an analyst's code: run in a process of their own that has the sandbox, no production credentials, and, where the
system can do that, no way to other files or the network.

The parent stages modules and calls :func:`run_job`; the functions below :func:`read_job` are for the process itself.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from workbench.config import find_workspace
from workbench.errors import InfrastructureError
from workbench.promote.module import Module
from workbench.promote.slice import Slice
from workbench.runtime.landlock import Rules
from workbench.sandbox.confine import confine, plan
from workbench.sandbox.environment import analyst_environment

if TYPE_CHECKING:
    import ibis.expr.types as ir


def stage(folder: Path, cut: Slice, module: Module) -> dict[str, Any]:
    """Write a module into the folder of a job, and say how it is called."""
    place = folder / "modules" / cut.mark.name
    place.mkdir(parents=True)
    (place / "__init__.py").write_text(module.text, encoding="utf-8")
    for name, text in module.files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, encoding="utf-8")
    return {
        "pipeline": cut.mark.name,
        "file": str(place / "__init__.py"),
        "inputs": [asdict(source) for source in cut.inputs],
        "parameters": [parameter.name for parameter in cut.parameters],
        "types": {parameter.name: parameter.type for parameter in cut.parameters},
        "key": list(cut.mark.key),
    }


def run_job(
    worker: str,
    job: Mapping[str, Any],
    folder: Path,
    *,
    root: Path,
    notebook: Path,
    sandbox: Path,
    timeout: float,
    write: Sequence[Path] = (),
    meanwhile: Callable[[], None] = lambda: None,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Any, str]:
    """What ``python -m worker`` wrote as its result, or None and the last line that it said before it ended.

    ``timeout`` is in seconds of wall-clock time. ``write`` are folders, besides ``folder``, that the job may change.
    ``meanwhile`` is called in this process while the other one works; ``environment`` are variables for that one.
    """
    result = folder / "result.json"
    notebooks = notebook.resolve().parent
    rules = plan(find_workspace(root), notebooks=notebooks, sandbox=sandbox, own=folder, write=write)
    places = {
        "root": str(root),
        "notebooks": str(notebooks),
        "sandbox": str(sandbox),
        "result": str(result),
        "rules": asdict(rules),
    }
    file = folder / "job.json"
    file.write_text(json.dumps({**job, **places}, default=str), encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-m", worker, str(file)],
        cwd=folder,
        env=analyst_environment(root, sandbox) | {"PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(folder), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        try:
            meanwhile()
            _, said = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise InfrastructureError(
                f"the notebook did not finish in the sandbox within {timeout:.0f} s",
                hint="workbench sandbox create --sample 0.1%",
            ) from None
        finally:
            process.kill()
    try:
        return json.loads(result.read_text(encoding="utf-8")), ""
    except FileNotFoundError:
        return None, (said.strip().splitlines()[-1:] or ["no message"])[0]


def read_job(file: str) -> dict[str, Any]:
    """The job of this process, which is confined to it from here on.

    Helper modules beside the notebook and packages of the workspace can be imported afterwards.
    """
    gc.set_threshold(50_000, 20, 20)  # as every command does
    job: dict[str, Any] = json.loads(Path(file).read_text(encoding="utf-8"))
    confine(Rules(**{name: tuple(listed) for name, listed in job["rules"].items()}))
    sys.path[:0] = [job["notebooks"], job["root"]]
    return job


def write_result(job: Mapping[str, Any], result: Any) -> None:
    """Hand the result back to the parent, wholly or not at all."""
    place = Path(job["result"])
    part = place.with_suffix(".part")
    part.write_text(json.dumps(result, default=str), encoding="utf-8")
    part.replace(place)


def call(module: dict[str, Any], values: dict[str, Any], outputs: Mapping[str, ir.Table]) -> ir.Table:
    """The module's table on the sandbox of the current session; ``outputs`` are those that it reads."""
    from workbench.promote.module import load_module
    from workbench.sandbox import session

    function = load_module(Path(module["file"]), module["pipeline"])
    inputs = {}
    for source in module["inputs"]:
        if source["kind"] == "pipeline":
            if source["name"] not in outputs:
                raise LookupError(f"the notebook did not reach output {source['name']}")
            inputs[source["argument"]] = outputs[source["name"]]
        else:
            inputs[source["argument"]] = session.source(source["name"])
    return function(**inputs, **values)


def say(error: Exception | None) -> str:
    """An error in one line, without marimo's wrapping."""
    cause = error.__cause__ if error is not None and type(error).__module__.startswith("marimo") and error.__cause__ else error
    return f"{type(cause).__name__}: {cause}"
