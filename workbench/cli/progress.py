"""Progress of long work: on stderr, only where that is a terminal, and only when the work takes longer than a moment."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator

PATIENCE = 2.0


@contextlib.contextmanager
def steps(patience: float = PATIENCE) -> Iterator[Callable[[str], None]]:
    """A function that says which step is under way, beside a spinner with the seconds it takes.

    Nothing is shown in the first ``patience`` seconds, and nothing stays on the screen afterwards.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from workbench.cli.common import console

    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=console(stderr=True),
        transient=True,
    )
    task = bar.add_task("starting", total=None)
    begin = threading.Timer(patience, bar.start)
    begin.daemon = True
    begin.start()
    try:
        yield lambda text: bar.update(task, description=text)
    finally:
        begin.cancel()
        begin.join()
        bar.stop()
