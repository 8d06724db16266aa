"""Named places where a test may kill or stop the process, to show that a crash there leaves production old or new."""

from __future__ import annotations

import os
import signal

VARIABLE = "WORKBENCH_FAIL_AT"
STOP_VARIABLE = "WORKBENCH_STOP_AT"


def reached(name: str) -> None:
    """End the process at once, as a power cut would, when ``WORKBENCH_FAIL_AT`` is this name.

    When ``WORKBENCH_STOP_AT`` is, it stops and goes on at SIGCONT, like a machine that was put to sleep.

    >>> reached("after_swap")  # nothing happens unless the variable says so
    """
    if os.environ.get(VARIABLE) == name:
        os._exit(137)
    if os.environ.get(STOP_VARIABLE) == name:
        os.kill(os.getpid(), signal.SIGSTOP)
