"""The process that proves equality: runs a notebook and its modules in the sandbox and writes down what it saw.

Started by :mod:`workbench.promote.equality` as ``python -m workbench.promote.equality_run JOB.json``.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import importlib.util
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ibis.expr.types as ir


def main(job_file: str) -> None:
    """Do the job that a file describes; the result is written to the file that it names."""
    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    # Helper modules beside the notebook, and packages of the workspace, import as they do in the editor.
    sys.path[:0] = [job["notebooks"], job["root"]]
    result: dict[str, list[dict[str, Any]]] = {module["pipeline"]: [] for module in job["modules"]}
    for index, run in enumerate(job["runs"]):
        values = {
            name: dt.date.fromisoformat(value) if name in run["dates"] else value for name, value in run["parameters"].items()
        }
        outputs, error = _run_notebook(index, run["notebook"], job["sandbox"], values)
        for module in job["modules"]:
            wanted = {name: values[name] for name in module["parameters"]}
            check = {"parameters": {name: run["parameters"][name] for name in module["parameters"]}}
            result[module["pipeline"]].append(check | _compare(module, wanted, outputs, error))
    Path(job["result"]).write_text(
        json.dumps({name: _distinct(checks) for name, checks in result.items()}, default=str), encoding="utf-8"
    )


def _run_notebook(index: int, file: str, sandbox: str, values: dict[str, Any]) -> tuple[dict[str, ir.Table], Exception | None]:
    from workbench.sandbox import session

    session.deactivate()
    active = session.activate(Path(sandbox), values)
    try:
        spec = importlib.util.spec_from_file_location(f"workbench_notebook_{index}", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
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
        ours = _call(module, values, outputs)
    except Exception as own:
        if theirs is None and error is not None and _same(own, error):
            return {"verdict": "equal", "how": "error", "difference": {"both raise": _text(own)}}
        if theirs is None and error is not None:
            return {"verdict": "not proved", "how": "error", "difference": {"notebook raises": _text(error)}}
        return {"verdict": "different", "how": "error", "difference": {"module raises": _text(own)}}
    if theirs is None:
        reason = {"notebook raises": _text(error)} if error else {"notebook": "did not reach this output"}
        return {"verdict": "not proved", "how": "error", "difference": reason}
    if theirs.equals(ours):
        return {"verdict": "equal", "how": "structure"}
    return _compare_data(theirs, ours, module["key"])


def _call(module: dict[str, Any], values: dict[str, Any], outputs: dict[str, ir.Table]) -> ir.Table:
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
        return {"verdict": "not proved", "how": "data", "difference": {"comparison fails": _text(error)}}
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


def _same(one: Exception, other: Exception) -> bool:
    return _text(one) == _text(other)


def _text(error: Exception | None) -> str:
    cause = error.__cause__ if error is not None and type(error).__module__.startswith("marimo") and error.__cause__ else error
    return f"{type(cause).__name__}: {cause}"


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
