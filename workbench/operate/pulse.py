"""Signs of life of a run in the store, each second, with its memory: what ``workbench runs ls`` shows of a run under way."""

from __future__ import annotations

import contextlib
import datetime as dt
import queue
import threading
from collections.abc import Callable, Iterator

from workbench.config import Workspace
from workbench.errors import WorkbenchError
from workbench.store import Store, beats

BEAT_SECONDS = 0.5


@contextlib.contextmanager
def pulse(workspace: Workspace, run: str) -> Iterator[Callable[[int], None]]:
    """Give a function that notes a sign of life, with the bytes of memory; it never waits for the store."""
    waiting: queue.Queue[int | None] = queue.Queue(maxsize=8)
    threads: list[threading.Thread] = []

    def write() -> None:
        while (memory := waiting.get()) is not None:
            # A busy store or a full disk may lose one; the next one tells more.
            with contextlib.suppress(WorkbenchError), Store.open(workspace) as store:
                beats.beat(store, run, memory, at=dt.datetime.now(dt.UTC))

    def beat(memory: int) -> None:
        if not threads:
            threads.append(threading.Thread(target=write, name=f"workbench-pulse-{run}", daemon=True))
            threads[0].start()
        with contextlib.suppress(queue.Full):
            waiting.put_nowait(memory)

    try:
        yield beat
    finally:
        if threads:
            waiting.put(None)
            threads[0].join()
