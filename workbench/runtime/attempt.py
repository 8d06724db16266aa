"""One execution in the making: its limits, and the watch that holds them."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HEARTBEAT_SECONDS = 1.0
GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Beat:
    """A sign of life: the process, the seconds since it started, and the most memory it had, in bytes."""

    pid: int
    seconds: float
    memory: int


@dataclass(slots=True)
class Attempt:
    """What an engine needs to know of one execution, and what it finds out.

    ``folder`` is the kernel's working folder, ``log`` the file for what the kernel's process says outside cells. ``modules``
    are imported by the warm process before it forks. ``time_limit`` is in seconds for the whole notebook, ``memory_limit`` in
    bytes. ``secrets`` are variables for the process of this one run.
    An engine sets ``recorder``, ``pid`` while a kernel lives, and ``mark``, a variable that all the kernel starts inherits and
    nothing else has, where it can't adopt what the kernel leaves behind; the watch sets ``timed_out`` and ``peak_memory``.
    """

    record: Path | None = None
    folder: Path | None = None
    log: Path | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    modules: tuple[str, ...] = ()
    time_limit: float | None = None
    memory_limit: int | None = None
    grace: float = GRACE_SECONDS
    on_cell: Callable[[str, int, int], None] | None = None
    on_beat: Callable[[Beat], None] | None = None
    recorder: Any = None
    pid: int | None = None
    mark: str = ""
    timed_out: bool = False
    peak_memory: int = 0

    @contextlib.contextmanager
    def watched(self, pid: int) -> Any:
        """While it lasts, the process group of ``pid`` is held to the time limit; at the end nothing of it is left."""
        self.pid = pid
        watch = _Watch(self, pid)
        watch.start()
        try:
            yield
        finally:
            watch.done.set()
            watch.join()
            self.end(pid)
            self.pid = None

    def end(self, pid: int) -> None:
        """Kill the process group of the kernel, once its memory is noted, and what bears its mark in other sessions."""
        self.peak_memory = max(self.peak_memory, peak_memory_of(pid))
        kill_group(pid)
        if self.mark:
            kill_marked(self.mark)


def kill_group(pid: int, number: int = signal.SIGKILL) -> None:
    """Signal every process of a group; quietly when there is none left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def kill_marked(mark: str) -> None:
    """Kill every process whose environment has this ``NAME=value``, as far as Linux shows it."""
    wanted = mark.encode()
    for place in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if wanted in place.read_bytes().split(b"\0"):
                os.kill(int(place.parent.name), signal.SIGKILL)


def peak_memory_of(pid: int) -> int:
    """The most resident bytes that a process ever had; 0 when it is gone or the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return 0 if found is None else int(found[1]) * 1024


def signal_name(returncode: int) -> str:
    """What a process ended with, in words.

    >>> signal_name(-9), signal_name(3)
    ('killed by SIGKILL', 'exited with status 3')
    """
    if returncode < 0:
        try:
            return f"killed by {signal.Signals(-returncode).name}"
        except ValueError:
            return f"killed by signal {-returncode}"
    return f"exited with status {returncode}"


class _Watch(threading.Thread):
    """Beats each second; at the time limit interrupts the process group, and after the grace kills it."""

    def __init__(self, attempt: Attempt, pid: int) -> None:
        super().__init__(name="workbench-watch", daemon=True)
        self.attempt = attempt
        self.process = pid
        self.done = threading.Event()

    def run(self) -> None:
        attempt, started = self.attempt, time.monotonic()
        interrupt_at = float("inf") if attempt.time_limit is None else started + attempt.time_limit
        kill_at, beat_at = float("inf"), started
        while True:
            now = time.monotonic()
            if now >= beat_at:
                memory = peak_memory_of(self.process)
                attempt.peak_memory = max(attempt.peak_memory, memory)
                if attempt.on_beat is not None:
                    try:
                        attempt.on_beat(Beat(self.process, now - started, memory))
                    except Exception as error:  # a heartbeat that can't be recorded must not end the watch
                        print(f"workbench: heartbeat not recorded: {error}", file=sys.stderr)
                beat_at = now + HEARTBEAT_SECONDS
            if now >= interrupt_at:
                attempt.timed_out = True
                kill_group(self.process, signal.SIGINT)
                interrupt_at, kill_at = float("inf"), now + attempt.grace
            if now >= kill_at:
                kill_group(self.process)
                kill_at = float("inf")
            if self.done.wait(max(0.01, min(beat_at, interrupt_at, kill_at) - time.monotonic())):
                return
