"""Papermill engines that keep an honest record: ``workbench-kernel`` runs cells in a Jupyter kernel of its own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine

from workbench.runtime.attempt import Attempt, signal_name
from workbench.runtime.record import Recorder

KERNEL = "workbench-kernel"
START_SECONDS = 60


class KernelLost(Exception):
    """The process that ran the cells ended before they did; ``how`` says by which signal or status."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


class HonestEngine(Engine):  # type: ignore[misc]  # papermill has no types
    """An engine with our recorder instead of papermill's manager.

    A lost kernel is recorded as an error of the cell that was running, so that papermill reports it like any other.
    """

    @classmethod
    def execute_notebook(cls, nb: Any, kernel_name: str, output_path: str | None = None, attempt: Attempt | None = None, **rest: Any) -> Any:
        if attempt is None:  # chosen by name, as in ``papermill --engine``
            attempt = Attempt(record=None if output_path is None else Path(output_path), time_limit=rest.get("execution_timeout"))
        for cell in nb.cells:
            if "injected-parameters" in cell.metadata.get("tags", []):
                cell["id"] = "injected-parameters"
        recorder = attempt.recorder = Recorder(nb, attempt.record, on_cell=attempt.on_cell)
        recorder.notebook_start()
        try:
            cls.execute_managed_notebook(recorder, kernel_name, attempt=attempt, **rest)
        except KernelLost as lost:
            if attempt.timed_out:
                recorder.broken("TimeLimit", f"the run took longer than {attempt.time_limit:g} s; {lost.how}")
            else:
                recorder.broken("KernelDied", lost.how)
        except BaseException as error:
            recorder.broken(type(error).__name__, str(error) or "stopped from outside")
            raise
        finally:
            recorder.notebook_complete()
        return recorder.nb


class KernelEngine(HonestEngine):
    """Papermill's stock client and a Jupyter kernel with this interpreter, whatever kernels are installed."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Recorder, kernel_name: str, *, attempt: Attempt, **_: Any) -> None:
        with tempfile.TemporaryDirectory(prefix="wb-", ignore_cleanup_errors=True) as place, contextlib.ExitStack() as stack:
            log = stack.enter_context(attempt.log.open("ab")) if attempt.log is not None else subprocess.DEVNULL
            manager = AsyncKernelManager(kernel_spec_manager=_OwnKernel(), kernel_name="python3", transport="ipc")
            manager.connection_file = str(Path(place) / "kernel.json")
            environment = {**attempt.environment, "IPYTHONDIR": place, "JUPYTER_RUNTIME_DIR": place}
            if attempt.memory_limit is not None:
                environment["WORKBENCH_MEMORY_LIMIT"] = str(attempt.memory_limit)
            run_sync(manager.start_kernel)(env=environment, cwd=str(attempt.folder or Path.cwd()), stdout=log, stderr=log)
            process = manager.provisioner.process
            with attempt.watched(process.pid):
                client = _Client(nb_man, km=manager, startup_timeout=START_SECONDS, timeout=None, iopub_timeout=60)
                try:
                    client.execute()
                except (DeadKernelError, CellTimeoutError) as error:
                    raise KernelLost(_how(process, error, attempt)) from error
                except RuntimeError as error:
                    # nbclient says so when the kernel ends before it has answered.
                    if process.poll() is None:
                        raise
                    raise KernelLost(_how(process, error, attempt)) from error
                finally:
                    # At once, and with all that it started: a result it has not finished is worth nothing.
                    attempt.end(process.pid)
                    if client.kc is not None:
                        client.kc.stop_channels()
                    run_sync(manager.shutdown_kernel)(now=True)


class _OwnKernel(KernelSpecManager):
    """Knows one kernel: this interpreter, confined."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        argv = [sys.executable, "-P", "-m", "workbench.runtime.kernel", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")


class _Client(PapermillNotebookClient):  # type: ignore[misc]
    """Papermill's client with a cap on what a cell may leave in the record."""

    def output(self, outs: list[Any], msg: dict[str, Any], display_id: str, cell_index: int) -> Any:
        content = msg["content"]
        size = 0 if msg["msg_type"] == "error" else _size(content)
        room = self.nb_man.room(size)
        if room == size:
            return super().output(outs, msg, display_id, cell_index)
        made = None
        if room and "text" in content:
            made = super().output(outs, {**msg, "content": {**content, "text": content["text"][:room]}}, display_id, cell_index)
        self.nb_man.cut(self.nb.cells[cell_index])
        return made


def _size(content: dict[str, Any]) -> int:
    if "text" in content:
        return len(content["text"])
    return sum(len(value) if isinstance(value, str) else len(repr(value)) for value in content.get("data", {}).values())


def _how(process: Any, error: Exception, attempt: Attempt) -> str:
    try:
        returncode = process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        return str(error)
    return end_of_process(returncode, attempt)


def end_of_process(returncode: int, attempt: Attempt) -> str:
    """How the process that ran the cells ended, in words."""
    if returncode >= 0:
        return f"its process {signal_name(returncode)}"
    hint = " (out of memory?)" if returncode == -9 and not attempt.timed_out else ""
    return f"its process was {signal_name(returncode)}{hint}"
