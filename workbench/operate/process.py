"""Processes told apart by more than their number, which the system gives out again."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def host() -> str:
    """The name of this machine."""
    return socket.gethostname()


def started(pid: int) -> str:
    """When a process began, as the kernel counts it since it booted; "" when it is gone or the system does not tell.

    >>> started(os.getpid()) == started(os.getpid())
    True
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The name of the program is in brackets and may hold anything; the state comes first after it, the start 20th.
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]


def alive(pid: int, began: str) -> bool:
    """Whether the process that had this number and began then still runs.

    >>> alive(os.getpid(), started(os.getpid())), alive(os.getpid(), "1")
    (True, False)
    """
    if Path("/proc/self/stat").exists():
        return bool(began) and started(pid) == began
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
