"""Starts the Jupyter kernel of a run: ``python -m workbench.runtime.kernel -f CONNECTION_FILE``.

Before the kernel begins: it dies with its parent, keeps to ``WORKBENCH_MEMORY_LIMIT`` bytes, and leaves a traceback of every
thread in its log when it crashes.
"""

from __future__ import annotations

import faulthandler
import functools
import os
import signal
import sys
from typing import Any


def bound_memory(limit: int | None) -> MemoryError | None:
    """Let this process have so many bytes of private writable memory: what a query or a data frame takes.

    Files that are only mapped don't count. Beyond the limit Python raises ``MemoryError``. That is what comes back when the
    process is beyond it already, and nothing is bound then: whoever is told can still say it, and has to run nothing.
    """
    if limit is None:
        return None
    import resource

    has = private_memory()
    if has > limit:
        return MemoryError(f"the limit is {limit:,} bytes, and {has:,} are taken before the first cell")
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    return None


def private_memory() -> int:
    """Bytes of private writable memory that this process has; 0 where the system does not tell."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as stream:
            return next((int(line.split()[1]) * 1024 for line in stream if line.startswith("VmData:")), 0)
    except OSError:
        return 0


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent ends."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    _libc().prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:  # it ended just before it was asked
        os._exit(1)


def adopt_orphans() -> None:
    """Ask Linux to make this process the parent of whatever its descendants leave behind when they end."""
    if sys.platform == "linux":
        _libc().prctl(36, 1)  # PR_SET_CHILD_SUBREAPER


@functools.cache
def _libc() -> Any:
    """The C library; a warm process has opened it for its children."""
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Confine this process, then serve the kernel until it is told to stop."""
    sys.dont_write_bytecode = True
    die_with_parent()
    limit = os.environ.get("WORKBENCH_MEMORY_LIMIT")
    refused = bound_memory(int(limit) if limit else None)
    if refused is not None:
        sys.exit(f"MemoryError: {refused}")
    log = os.fdopen(os.dup(2), "w")
    from ipykernel.kernelapp import IPKernelApp
    from jupyter_client.session import Session

    from workbench.runtime.secret import redacted

    class Discreet(Session):
        """Sends no secret that a run was given by name."""

        def serialize(self, msg: dict[str, Any], ident: list[bytes] | bytes | None = None) -> list[bytes]:
            return super().serialize({**msg, "content": redacted(msg["content"])}, ident)

    application = IPKernelApp.instance()
    application.session = Discreet(parent=application)
    application.initialize([*sys.argv[1:], "--HistoryManager.enabled=False", "--IPKernelApp.capture_fd_output=True"])
    # The kernel has sent the usual place into the notebook, which can't be told anything after a crash.
    faulthandler.enable(file=log)
    application.start()


if __name__ == "__main__":
    main()
