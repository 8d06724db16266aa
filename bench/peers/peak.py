"""The most memory that this process has held."""

from __future__ import annotations

import resource
from pathlib import Path


def mib() -> int:
    """MiB of this program alone, where the system tells that.

    The usage of resources also counts what the process held before it became this program: a copy of its parent.
    """
    try:
        said = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return int(said.partition("VmHWM:")[2].split()[0]) // 1024
