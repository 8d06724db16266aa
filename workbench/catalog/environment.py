"""The environment that a version was proved in: the packages that decide what an expression computes."""

from __future__ import annotations

import functools
import hashlib
import sys
from importlib.metadata import version

PACKAGES = ("ibis-framework", "duckdb", "sqlglot", "pyarrow")


def environment() -> dict[str, str]:
    """Python's minor version and the exact versions of what compiles and runs expressions."""
    return {"python": f"{sys.version_info.major}.{sys.version_info.minor}"} | {name: version(name) for name in PACKAGES}


@functools.cache
def environment_sha256() -> str:
    """SHA-256 of the environment, equal for equal environments. That of this process, which goes on with what it imported."""
    return hashlib.sha256("\n".join(f"{name}=={number}" for name, number in sorted(environment().items())).encode()).hexdigest()
