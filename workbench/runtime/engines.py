"""Papermill engines that keep an honest record.

``workbench`` runs cells in a child forked from a warm process, ``workbench-kernel`` in a Jupyter kernel of its own.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine

from workbench.runtime.attempt import Attempt, signal_name
from workbench.runtime.environment import SINGLE_THREADED
from workbench.runtime.forked import Child, NoZygote, warm_up
from workbench.runtime.ipynb import plain_output
from workbench.runtime.record import Recorder

FORKED = "workbench"
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
    def execute_notebook(
        cls, nb: Any, kernel_name: str, output_path: str | None = None, attempt: Attempt | None = None, **rest: Any
    ) -> Any:
        if attempt is None:  # chosen by name, as in ``papermill --engine``
            attempt = Attempt(
                record=None if output_path is None else Path(output_path),
                environment={**os.environ, **SINGLE_THREADED},
                time_limit=rest.get("execution_timeout"),
            )
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
            attempt.mark = f"WORKBENCH_KERNEL={secrets.token_hex(16)}"
            environment = {**attempt.environment, **attempt.secrets, "IPYTHONDIR": place, "JUPYTER_RUNTIME_DIR": place}
            environment |= dict([attempt.mark.split("=")])
            if attempt.memory_limit is not None:
                environment["WORKBENCH_MEMORY_LIMIT"] = str(attempt.memory_limit)
            run_sync(manager.start_kernel)(env=environment, cwd=str(attempt.folder or Path.cwd()), stdout=log, stderr=log)
            process: Any = getattr(manager.provisioner, "process", None)
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


class ForkedEngine(HonestEngine):
    """A child forked from this process' warm one; the kernel engine where there is none to be had."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Recorder, kernel_name: str, *, attempt: Attempt, **rest: Any) -> None:
        try:
            zygote = warm_up(attempt.modules, attempt.environment)
            environment = {**attempt.environment, **attempt.secrets}
            child = zygote.fork(attempt.folder or Path.cwd(), environment, attempt.memory_limit, attempt.log)
        except NoZygote:
            child = None
        if child is None:
            KernelEngine.execute_managed_notebook(nb_man, kernel_name, attempt=attempt, **rest)
            return
        # Never started: it only turns messages into outputs, as it does for a kernel.
        client = _Client(nb_man)
        with contextlib.closing(child), attempt.watched(child.pid):
            for index, cell in enumerate(nb_man.nb.cells):
                try:
                    nb_man.cell_start(cell, index)
                    if cell.cell_type == "code" and cell.source.strip():
                        with nb_man.executing():
                            cls._run(client, child, cell, index, attempt)
                except CellExecutionError as error:
                    nb_man.cell_exception(cell, cell_index=index, exception=error)
                    break
                finally:
                    nb_man.cell_complete(cell, cell_index=index)
        nb_man.nb.metadata["language_info"] = _language()

    @staticmethod
    def _run(client: _Client, child: Child, cell: Any, index: int, attempt: Attempt) -> None:
        client.clear_before_next_output = False
        for message in child.run(cell.source, client.nb_man.autosave_cell):
            reply = message.get("reply")
            if reply is None:
                client.process_message({"parent_header": {"msg_id": ""}, **message}, cell, index)
                client.nb_man.autosave_cell()
                continue
            cell["execution_count"] = reply["execution_count"]
            if reply["status"] != "ok" and "raises-exception" not in cell.metadata.get("tags", []):
                raise CellExecutionError.from_cell_and_msg(cell, reply)
            return
        raise KernelLost(
            f"its process was ended: {child.lost}" if child.lost else end_of_process(child.returncode or 0, attempt)
        )


class _OwnKernel(KernelSpecManager):
    """Knows one kernel: this interpreter, confined."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        argv = [sys.executable, "-P", "-m", "workbench.runtime.kernel", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")


class _Client(PapermillNotebookClient):  # type: ignore[misc]  # papermill has no types
    """Papermill's client with a cap on what a cell may leave in the record."""

    def execute_cell(self, cell: Any, cell_index: int) -> Any:
        with self.nb_man.executing():
            return super().execute_cell(cell, cell_index)

    def output(self, outs: list[Any], msg: dict[str, Any], display_id: str, cell_index: int) -> Any:
        content = msg["content"]
        size = 0 if msg["msg_type"] == "error" else _size(content)
        room = self.nb_man.room(size)
        if room == size:
            if msg["msg_type"] == "stream" and _continues(outs, content) and not self.clear_before_next_output:
                outs[-1]["text"] += content["text"]  # so that the record does not tell when a buffer was flushed
                return outs[-1]
            if not (display_id or self.clear_before_next_output or any(self.output_hook_stack.values())):
                plain = plain_output(msg)
                if plain is not None:
                    outs.append(plain)
                    return plain
            return super().output(outs, msg, display_id, cell_index)
        made = None
        if room and "text" in content:
            made = super().output(outs, {**msg, "content": {**content, "text": content["text"][:room]}}, display_id, cell_index)
        self.nb_man.cut(self.nb.cells[cell_index])
        return made


def _continues(outs: list[Any], content: dict[str, Any]) -> bool:
    return bool(outs) and outs[-1].output_type == "stream" and outs[-1].name == content["name"]


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


def _language() -> dict[str, Any]:
    """What a kernel says of itself, so that both engines leave the same record."""
    return {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
        "version": sys.version.split()[0],
    }
