"""The environment of a process that runs a version: what Python needs, and nothing that could be a secret."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

# What Python needs to work. Credentials above all are withheld: a version's function only computes.
KEPT = frozenset("PATH HOME USER LOGNAME LANG LANGUAGE TMPDIR TEMP TMP VIRTUAL_ENV SYSTEMROOT LD_LIBRARY_PATH".split())
KEPT_PREFIXES = ("LC_", "PYTHON")
# Libraries start no threads, so that a warm process can be forked.
SINGLE_THREADED = {
    "OPENBLAS_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
HOME = str(Path(__file__).resolve().parents[2])
FIXED = {"TZ": "UTC", "PYTHONDONTWRITEBYTECODE": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1", **SINGLE_THREADED}


def kernel_environment(given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that a kernel gets: what Python needs, and where ``workbench`` is.

    >>> found = kernel_environment({"PATH": "/bin", "PGPASSWORD": "x", "AWS_SECRET_ACCESS_KEY": "y"})
    >>> sorted(set(found) - set(FIXED))
    ['PATH', 'PYTHONPATH']
    """
    given = os.environ if given is None else given
    kept = {name: given[name] for name in given if name in KEPT or name.startswith(KEPT_PREFIXES)}
    path = [HOME, *(entry for entry in kept.get("PYTHONPATH", "").split(os.pathsep) if entry and entry != HOME)]
    return kept | FIXED | {"PYTHONPATH": os.pathsep.join(path)}
