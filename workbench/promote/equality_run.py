"""The process that proves equality: runs a notebook and its modules in the sandbox and writes down what it saw.

Started by :mod:`workbench.promote.equality` as ``python -m workbench.promote.equality_run JOB.json``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.parameter import Parameter
from workbench.promote.sandboxed import call, read_job, say, write_result
from workbench.runtime.local import holds_rows

if TYPE_CHECKING:
    import ibis.expr.types as ir


def main(job_file: str) -> None:
    """Do the job that a file describes; the result is written to the file that it names."""
    job = read_job(job_file)
    result: dict[str, list[dict[str, Any]]] = {module["pipeline"]: [] for module in job["modules"]}
    for index, run in enumerate(job["runs"]):
        values = {name: Parameter(name, run["types"][name], None).decode(value) for name, value in run["parameters"].items()}
        outputs, error = _run_notebook(index, run["notebook"], job["sandbox"], values)
        for module in job["modules"]:
            wanted = {name: values[name] for name in module["parameters"]}
            check = {"parameters": {name: run["parameters"][name] for name in module["parameters"]}}
            result[module["pipeline"]].append(check | _compare(module, wanted, outputs, error))
    write_result(job, {name: _distinct(checks) for name, checks in result.items()})


def _run_notebook(index: int, file: str, sandbox: str, values: dict[str, Any]) -> tuple[dict[str, ir.Table], Exception | None]:
    from workbench.sandbox import session

    session.deactivate()
    active = session.activate(Path(sandbox), values)
    try:
        spec = importlib.util.spec_from_file_location(f"workbench_notebook_{index}", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # marimo reads the source of @app.class_definition through it
        spec.loader.exec_module(module)
        with contextlib.redirect_stdout(sys.stderr):
            module.app.run()
    except Exception as error:
        return {name: table for name, (_, table) in active.outputs.items()}, error
    return {name: table for name, (_, table) in active.outputs.items()}, None


def _compare(
    module: dict[str, Any], values: dict[str, Any], outputs: dict[str, ir.Table], error: Exception | None
) -> dict[str, Any]:
    theirs = outputs.get(module["pipeline"])
    try:
        ours = call(module, values, outputs)
    except Exception as own:
        if theirs is None and error is not None and say(own) == say(error):
            return {"verdict": "equal", "how": "error", "difference": {"both raise": say(own)}}
        if theirs is None and error is not None:
            return {"verdict": "not proved", "how": "error", "difference": {"notebook raises": say(error)}}
        return {"verdict": "different", "how": "error", "difference": {"module raises": say(own)}}
    if theirs is None:
        reason = {"notebook raises": say(error)} if error else {"notebook": "did not reach this output"}
        return {"verdict": "not proved", "how": "error", "difference": reason}
    # One expression is equal on any data; with the rows of a local step in it, it was compared on these alone.
    if theirs.equals(ours) and not holds_rows(theirs):
        return {"verdict": "equal", "how": "structure"}
    return _compare_data(theirs, ours, module["key"])


def _compare_data(theirs: ir.Table, ours: ir.Table, key: list[str]) -> dict[str, Any]:
    from workbench.promote.diff import diff

    if tuple(theirs.columns) != tuple(ours.columns):
        return {
            "verdict": "different",
            "how": "data",
            "difference": {"notebook columns": list(theirs.columns), "module columns": list(ours.columns)},
        }
    try:
        found = diff(theirs, ours, key=key, samples=1, distributions=False)
    except Exception as error:
        return {"verdict": "not proved", "how": "data", "difference": {"comparison fails": say(error)}}
    if found.identical:
        return {"verdict": "equal", "how": "data", "rows": found.rows.base}
    document = found.to_json()
    samples = {kind: rows[0] for kind, rows in document["samples"].items() if rows}
    return {
        "verdict": "different",
        "how": "data",
        "rows": found.rows.base,
        "difference": {"schema": document["schema"], **samples},
    }


def _distinct(checks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One check a setting: an output that takes few parameters sees the same setting many times; the worst one stays."""
    order = {"equal": 0, "not proved": 1, "different": 2}
    found: dict[str, dict[str, Any]] = {}
    for check in checks:
        setting = json.dumps(check["parameters"], default=str, sort_keys=True)
        if setting not in found or order[check["verdict"]] > order[found[setting]["verdict"]]:
            found[setting] = check
    return list(found.values())


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    main(sys.argv[1])
