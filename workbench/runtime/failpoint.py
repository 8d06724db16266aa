"""Named places where a test may kill the process, to show that a crash there leaves production old or new."""

from __future__ import annotations

import os

VARIABLE = "WORKBENCH_FAIL_AT"


def reached(name: str) -> None:
    """End the process at once, as a power cut would, when ``WORKBENCH_FAIL_AT`` is this name.

    >>> reached("after_swap")  # nothing happens unless the variable says so
    """
    if os.environ.get(VARIABLE) == name:
        os._exit(137)
