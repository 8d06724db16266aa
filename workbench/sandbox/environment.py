"""The environment of a process that runs an analyst's code: the sandbox, and no production credentials."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

# What Python, marimo, a browser and a terminal need to work; everything else, credentials above all, is withheld.
KEPT = frozenset(
    "PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TERM COLUMNS LINES TMPDIR VIRTUAL_ENV DISPLAY WAYLAND_DISPLAY BROWSER "
    "XDG_RUNTIME_DIR XDG_CONFIG_HOME XDG_CACHE_HOME XDG_DATA_HOME XDG_STATE_HOME NO_COLOR FORCE_COLOR SYSTEMROOT APPDATA "
    "LOCALAPPDATA USERPROFILE TEMP TMP COMSPEC PATHEXT".split()
)
KEPT_PREFIXES = ("LC_", "PYTHON", "MARIMO_")


def analyst_environment(root: Path, sandbox: Path, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables for a process that may see the sandbox of a workspace and nothing of production.

    >>> given = {"PATH": "/bin", "PGPASSWORD": "x", "AWS_SECRET_ACCESS_KEY": "y"}
    >>> sorted(analyst_environment(Path("w"), Path("w/s.duckdb"), given))
    ['PATH', 'WORKBENCH_SANDBOX', 'WORKBENCH_WORKSPACE']
    """
    given = os.environ if given is None else given
    kept = {name: value for name, value in given.items() if name in KEPT or name.startswith(KEPT_PREFIXES)}
    return kept | {"WORKBENCH_SANDBOX": str(sandbox), "WORKBENCH_WORKSPACE": str(root)}
