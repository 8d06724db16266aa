"""Progress of long work: on stderr, and only where that is a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """A function that says which step is under way, beside a spinner with the seconds it takes."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from workbench.cli.common import console

    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task("reading the notebook", total=None)
        yield lambda text: bar.update(task, description=text)
