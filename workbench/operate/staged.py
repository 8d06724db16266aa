"""A result that another scheduler's papermill has staged: taken over by a run of ours, which publishes it or not."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from workbench.catalog.job import RESULT
from workbench.config import Workspace
from workbench.errors import UsageError, WorkbenchError
from workbench.runtime.execute import Execution
from workbench.runtime.files import make_folder, write_atomic
from workbench.store.records import RunRecord

_NAME = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]{0,199}")


def adopt(workspace: Workspace, run: RunRecord, name: str, record: Path) -> Execution:
    """Take the result that a run notebook left under ``name`` (its ``run_id``), and its executed notebook where there is one.

    Raises ``UsageError`` when nothing is staged so, ``WorkbenchError`` when it is of another version or interval.
    """
    place = workspace.runs / name / RESULT
    if _NAME.fullmatch(name) is None or not place.is_file():
        raise UsageError(f"nothing is staged as {name[:60]!r}", hint=f"workbench run {run.pipeline}")
    text = place.read_text(encoding="utf-8")
    result = json.loads(text)
    interval = None if run.interval is None else str(run.interval)
    expected = {"pipeline": run.pipeline, "version": run.version, "interval": interval}
    wrong = [f"{what} {result.get(what)}" for what, value in expected.items() if result.get(what) != value]
    if wrong:
        raise WorkbenchError(f"{name} is of {', '.join(wrong)}", hint="execute the run notebook of the live version again")
    make_folder(record.parent)
    write_atomic(record.parent / RESULT, text)
    executed = workspace.state / f"{name}.ipynb"
    if executed.is_file():
        os.replace(executed, record)
    return Execution("completed", record, 0.0, {})
