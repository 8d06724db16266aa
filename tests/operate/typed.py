"""Types a command in a process of its own, which may be killed at a fail-point. Loaded once by a server that forks."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
from pathlib import Path

import duckdb
import sqlalchemy.dialects.sqlite  # noqa: F401  # so that a forked process need not

from workbench.catalog import endings, operation  # noqa: F401  # as above
from workbench.cli.main import main
from workbench.runtime import failpoint

# It has a thread, and a process with threads is not soundly forked.
duckdb.default_connection().close()


def carry_out(root: Path, arguments: tuple[str, ...], point: str, environment: dict[str, str]) -> None:
    """Type a command in a workspace, and be killed at ``point``."""
    os.chdir(root)
    # The server was started when a test asked for it first, with the environment of that one.
    os.environ.clear()
    os.environ |= environment | {failpoint.VARIABLE: point, "WORKBENCH_USER": "ada@example.org", "NO_COLOR": "1"}
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        code = main([*arguments])
    sys.exit(code)


def killed_at(point: str, root: Path, *arguments: str) -> int:
    """The exit code of a command that was to be killed at a fail-point; 137 when it was."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.operate.killed", "tests.operate.typed"])
    process = context.Process(target=carry_out, args=(root, arguments, point, dict(os.environ)))
    process.start()
    process.join()
    return int(process.exitcode or 0)
