"""The honest record: the executed notebook says what ran, what failed, and what never ran.

Papermill's own manager marks every cell ``completed`` after its kernel died, writes the whole file twice a cell, and writes
it in place. This one marks the failed cell ``failed`` and later ones ``pending``, saves at most every few seconds, and each
save is a new file renamed over the old one. What ends at once is saved once, at its end.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbclient.exceptions import CellExecutionError
from papermill.engines import NotebookExecutionManager

from workbench.runtime.ipynb import text_of

# Saves between cells are for whoever looks while it runs; they may cost a twentieth of the time at most.
FIRST_SAVE_SECONDS = 0.5
SAVE_EVERY_SECONDS = 2.0
SAVE_SHARE = 0.05
OUTPUT_LIMIT = 2_000_000


class Recorder(NotebookExecutionManager):  # type: ignore[misc]  # papermill has no types
    """Keeps the state of a running notebook and saves it to ``place``.

    ``on_cell`` is told the id of each cell when it starts, its position and how many there are. ``output_limit`` is how many
    characters of output a cell may leave in the record.
    """

    def __init__(
        self,
        nb: Any,
        place: Path | None,
        *,
        on_cell: Callable[[str, int, int], None] | None = None,
        output_limit: int = OUTPUT_LIMIT,
    ) -> None:
        super().__init__(nb, output_path=None, progress_bar=False, autosave_cell_every=0)
        self.place = place
        self.on_cell = on_cell
        self.output_limit = output_limit
        self.failed: Any = None
        self._running: Any = None
        self._lost = False
        self._written = 0
        self._next_save = time.monotonic() + FIRST_SAVE_SECONDS

    def save(self, **_: Any) -> None:
        """Save when the last save is long enough ago for its cost."""
        now = time.monotonic()
        if self.place is None or now < self._next_save:
            return
        write_record(self.nb, self.place, durable=False)
        self._next_save = time.monotonic() + max(SAVE_EVERY_SECONDS, (time.monotonic() - now) / SAVE_SHARE)

    def autosave_cell(self, **_: Any) -> None:
        self.save()

    def cell_start(self, cell: Any, cell_index: int | None = None, **_: Any) -> None:
        self._running, self._written = cell, 0
        if self.on_cell is not None and cell_index is not None:
            self.on_cell(str(cell.get("id", "")), cell_index, len(self.nb.cells))
        super().cell_start(cell, cell_index)

    def cell_complete(self, cell: Any, cell_index: int | None = None, **_: Any) -> None:
        # Papermill calls this in a ``finally``, also while its kernel's death is propagating.
        if self._lost:
            return
        self._complete(cell)
        self.save()
        self._running = None

    def _complete(self, cell: Any) -> None:
        """As papermill's, which reads the moment at which the cell began from its text."""
        end, told = self.now(), cell.metadata.papermill
        told["end_time"] = end.isoformat()
        if told.get("start_time"):
            told["duration"] = (end - dt.datetime.fromisoformat(told["start_time"])).total_seconds()
        if told["status"] != self.FAILED:
            told["status"] = self.COMPLETED

    def cell_exception(self, cell: Any, cell_index: int | None = None, exception: Any = None, **rest: Any) -> None:
        self.failed = cell
        if exception is not None and not any(each.output_type == "error" for each in cell.outputs):
            # The shell had no memory left to format the error, and so showed none.
            told = {"ename": exception.ename, "evalue": exception.evalue, "traceback": list(exception.traceback.splitlines())}
            cell.outputs.append(nbformat.v4.new_output("error", **told))
        super().cell_exception(cell, cell_index, **rest)

    @contextlib.contextmanager
    def executing(self) -> Iterator[None]:
        """Around the execution of one cell: notices when it ends by something else than the cell's own error."""
        try:
            yield
        except CellExecutionError:
            raise
        except BaseException:
            self._lost = True
            raise

    def broken(self, ename: str, evalue: str) -> None:
        """The kernel is gone: the cell that was running failed, with this error as its last output."""
        cell, code = self._running, (each for each in self.nb.cells if each.cell_type == "code")
        if cell is None or cell.cell_type != "code":  # it died before it had begun with any
            cell = next((each for each in code if each.metadata.papermill["status"] != self.COMPLETED), None)
        if cell is None:
            return
        cell.outputs.append(nbformat.v4.new_output("error", ename=ename, evalue=evalue, traceback=[f"{ename}: {evalue}"]))
        self.cell_exception(cell)
        self._complete(cell)
        self._running = None

    def notebook_complete(self, **_: Any) -> None:
        """Set the end and the duration; cells that never ran stay ``pending``."""
        self.end_time = self.now()
        self.nb.metadata.papermill["end_time"] = self.end_time.isoformat()
        self.nb.metadata.papermill["duration"] = (self.end_time - self.start_time).total_seconds()
        if self.failed is None:
            self.nb.metadata.papermill["exception"] = False

    def room(self, size: int) -> int:
        """How many of so many more characters the running cell may leave; says so in the record once when not all."""
        before, self._written = self._written, self._written + size
        return max(0, min(size, self.output_limit - before))

    def cut(self, cell: Any) -> None:
        """Note in the record, once, that the output of a cell was cut."""
        note = f"\n[output cut: a cell may leave {self.output_limit:,} characters in the record]\n"
        if not any(output.get("text") == note for output in cell.outputs):
            cell.outputs.append(nbformat.v4.new_output("stream", name="stderr", text=note))

    def seconds(self) -> dict[str, float]:
        """Seconds of each code cell that ran, by its id."""
        return {
            cell.id: round(cell.metadata.papermill.duration, 4)
            for cell in self.nb.cells
            if cell.cell_type == "code" and cell.metadata.get("papermill", {}).get("duration") is not None
        }


def write_record(nb: Any, place: Path, *, durable: bool) -> None:
    """Write a notebook so that ``place`` holds either the old or the new text, on disk when ``durable``."""
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as stream:
            stream.write(text_of(nb))
            stream.write("\n")
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        os.replace(temporary, place)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        folder = os.open(place.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
