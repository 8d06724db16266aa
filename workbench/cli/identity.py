"""Who types the command: a name that is recorded, not proved."""

from __future__ import annotations

import getpass
import os
import subprocess

from workbench.cli.common import words


def identity() -> str:
    """``WORKBENCH_USER``, else git's ``user.email``, else the name of the operating system's user.

    None of these is authenticated: anyone who can write to the workspace can claim any name.
    """
    name = " ".join(words(os.environ.get("WORKBENCH_USER", "")).split())
    if name:
        return name
    try:
        found = subprocess.run(
            ["git", "config", "user.email"], capture_output=True, text=True, timeout=5, check=False
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        found = ""
    if found:
        return found
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
