"""Progress: late, on a terminal's stderr alone, and gone afterwards."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

PROGRAM = """
import sys, time
from workbench.cli.progress import steps
with steps(patience={patience}) as progress:
    progress("counting [red]sheep[/red]")
    time.sleep({work})
print("done")
"""


def shown(patience: float, work: float) -> str:
    """What a terminal gets on stderr."""
    leader, follower = pty.openpty()
    code = PROGRAM.format(patience=patience, work=work)
    ran = subprocess.run(
        [sys.executable, "-c", code], stderr=follower, stdout=subprocess.PIPE, check=True, env={**os.environ, "TERM": "xterm"}
    )
    os.close(follower)
    text = b""
    try:
        while part := os.read(leader, 65536):
            text += part
    except OSError:
        pass  # what Linux says when the other end is closed
    os.close(leader)
    assert ran.stdout == b"done\n"
    return text.decode()


def test_long_work_says_what_it_is_doing() -> None:
    assert "counting [red]sheep[/red]" in shown(patience=0, work=1)


def test_short_work_says_nothing() -> None:
    assert "counting" not in shown(patience=60, work=0)


def test_nothing_is_said_where_nobody_watches() -> None:
    code = PROGRAM.format(patience=0, work=0.3)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("done\n", "")
