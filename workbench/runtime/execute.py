"""Execute a run notebook with papermill and leave the executed notebook as the record.

The record is written under a temporary name and renamed, and kept when the run fails. The kernel gets a clean environment:
nothing of ours that could be a secret reaches it, so nothing of that kind can be printed into the record.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from workbench.errors import UsageError
from workbench.model import Interval
from workbench.parameter import encode
from workbench.runtime.attempt import Attempt, Beat
from workbench.runtime.environment import kernel_environment

Outcome = Literal["completed", "failed", "killed", "timed out"]


@dataclass(frozen=True, slots=True)
class Execution:
    """How an execution ended.

    ``cell`` is the id of the failing cell and ``error`` its one-line message, both "" when it completed; ``steps`` has the
    seconds of each cell, ``memory`` the highest resident bytes seen.
    """

    outcome: Outcome
    record: Path
    seconds: float
    steps: dict[str, float]
    cell: str = ""
    error: str = ""
    memory: int = 0


def execute(
    notebook: Path,
    record: Path,
    parameters: Mapping[str, Any],
    *,
    folder: Path,
    engine: str = "workbench",
    modules: tuple[str, ...] = (),
    secrets: Mapping[str, str] | None = None,
    time_limit: float | None = None,
    memory_limit: int | None = None,
    on_cell: Callable[[str, int, int], None] | None = None,
    on_beat: Callable[[Beat], None] | None = None,
) -> Execution:
    """Run a notebook with these parameters; ``record`` holds the executed notebook in every case, also after Ctrl-C.

    ``folder`` is where the kernel works and its log is kept, ``secrets`` are variables that this kernel alone gets.
    Raises ``UsageError`` for a parameter's name that could be code.
    """
    plain = {_name(name): encode(value) for name, value in parameters.items()}
    folder.mkdir(parents=True, exist_ok=True)
    if engine == "workbench":
        prepare(modules)

    load()
    from papermill.exceptions import PapermillExecutionError

    from workbench.runtime.record import write_record

    log = folder / "kernel.log"
    attempt = Attempt(
        record=record,
        folder=folder,
        log=log,
        environment=kernel_environment(),
        secrets=secrets or {},
        modules=modules,
        time_limit=time_limit,
        memory_limit=memory_limit,
        on_cell=on_cell,
        on_beat=on_beat,
    )
    source = _read(notebook)
    started = time.monotonic()
    try:
        _execute(source, plain, engine, attempt)
        cell, error = "", ""
    except PapermillExecutionError as failure:
        failed = attempt.recorder.failed
        cell, error = "" if failed is None else str(failed.id), f"{failure.ename}: {failure.evalue}".strip()
    finally:
        seconds = time.monotonic() - started
        if attempt.recorder is not None:
            _finish(attempt.recorder.nb, notebook, record)
            write_record(attempt.recorder.nb, record, durable=True)
        if log.is_file() and log.stat().st_size == 0:
            log.unlink()
    if memory_limit is not None and "Out of Memory Error" in error:  # DuckDB's
        error = f"MemoryError: the run needed more than its memory limit of {memory_limit:,} bytes; {error}"
    outcome: Outcome = "completed"
    if error:
        outcome = "timed out" if attempt.timed_out else "killed" if error.startswith("KernelDied:") else "failed"
    if outcome == "timed out" and not error.startswith("TimeLimit:"):
        error = f"TimeLimit: the run took longer than {time_limit:g} s"
    return Execution(outcome, record, seconds, attempt.recorder.seconds(), cell, error, attempt.peak_memory)


def load() -> None:
    """Import what executing takes, which the first run does otherwise: most of a second."""
    with _importing:  # papermill and what it finds of ours import each other, which threads must not do at the same time
        _register()


def prepare(modules: tuple[str, ...]) -> None:
    """Start the warm process that runs are forked from, where there is one to be had, and go on while it warms up."""
    from workbench.runtime.forked import NoZygote, warm_up

    with contextlib.suppress(NoZygote):
        warm_up(modules, kernel_environment)


def interval_parameters(interval: Interval | None) -> dict[str, str]:
    """The two parameters of a run notebook that say what it computes; both empty for all data."""
    if interval is None:
        return {"interval_start": "", "interval_end": ""}
    return {"interval_start": interval.start.isoformat(), "interval_end": interval.end.isoformat()}


_importing = threading.Lock()


def _register() -> None:
    import papermill.execute  # noqa: F401  # first of all, since it imports the others
    from papermill.engines import papermill_engines

    from workbench.runtime.engines import FORKED, KERNEL, ForkedEngine, KernelEngine

    papermill_engines.register(KERNEL, KernelEngine)
    papermill_engines.register(FORKED, ForkedEngine)


def _read(notebook: Path) -> Any:
    """A notebook of ours, as papermill expects it."""
    from nbformat.v4 import reads
    from papermill.version import version

    source = reads(notebook.read_text(encoding="utf-8"))
    named = ("default_parameters", "parameters", "environment_variables")
    source.metadata["papermill"] = {**{name: {} for name in named}, "version": str(version)}
    for cell in source.cells:
        cell.metadata.setdefault("tags", [])
    return source


def _execute(source: Any, parameters: Mapping[str, Any], engine: str, attempt: Attempt) -> None:
    """``papermill.execute_notebook`` without what it does for files: it writes the whole notebook as text four times."""
    from papermill.engines import papermill_engines
    from papermill.execute import raise_for_execution_errors

    if parameters:
        source = _with_parameters(source, parameters, engine)
    kernel = papermill_engines.nb_kernel_name(engine_name=engine, nb=source, name=None)
    executed = papermill_engines.execute_notebook_with_engine(engine, source, kernel_name=kernel, attempt=attempt)
    raise_for_execution_errors(executed, None)


def _with_parameters(source: Any, parameters: Mapping[str, Any], engine: str) -> Any:
    """The notebook with a cell that sets parameters, as papermill makes it, after the one that declares them.

    Papermill copies the notebook, and holds its own cell against a schema.
    """
    from nbformat.notebooknode import from_dict
    from papermill.parameterize import parameterize_notebook
    from papermill.translators import PythonTranslator

    tags = [cell.metadata.get("tags", ()) for cell in source.cells]
    declared = [index for index, each in enumerate(tags) if "parameters" in each]
    if not declared or any("injected-parameters" in each for each in tags):
        return parameterize_notebook(source, parameters, engine_name=engine)
    cell = {
        "id": "injected-parameters",
        "cell_type": "code",
        "metadata": {"tags": ["injected-parameters"]},
        "execution_count": None,
        "source": PythonTranslator.codify(parameters, "Parameters"),
        "outputs": [],
    }
    source.cells.insert(declared[0] + 1, from_dict(cell))
    source.metadata.papermill["parameters"] = parameters
    return source


def _name(name: str) -> str:
    # Papermill writes names into a cell as they are, so that a line break in one would be executed.
    if not name.isidentifier() or not name.isascii():
        raise UsageError(f"{name!r} is not the name of a parameter", hint="use letters, digits and _")
    return name


def _finish(nb: Any, notebook: Path, record: Path) -> None:
    """Names instead of places, and fixed ids for the marks that papermill sets around a failing cell."""
    nb.metadata.papermill["input_path"] = notebook.name
    nb.metadata.papermill["output_path"] = record.name
    marks = [cell for cell in nb.cells if "papermill-error-cell-tag" in cell.metadata.get("tags", [])]
    for number, cell in enumerate(marks):
        cell["id"] = f"papermill-error-{number}"
