"""The environment of a version and of a run: the packages that decide what an expression computes, and the lock of all."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PathDistribution, version
from pathlib import Path

from workbench.errors import InfrastructureError
from workbench.runtime.files import make_folder, write_atomic

PACKAGES = ("ibis-framework", "duckdb", "sqlglot", "pyarrow")
OURS = "ibis-workbench"
ENVIRONMENTS = "environments"  # below .workbench: a lock for each environment that something ran in, and what was built of it


def environment() -> dict[str, str]:
    """Python's minor version and the exact versions of what compiles and runs expressions."""
    return {"python": f"{sys.version_info.major}.{sys.version_info.minor}"} | {name: version(name) for name in PACKAGES}


@functools.cache
def environment_sha256() -> str:
    """SHA-256 of the environment, equal for equal environments. That of this process, which goes on with what it imported."""
    return hashlib.sha256("\n".join(f"{name}=={number}" for name, number in sorted(environment().items())).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Difference:
    """A package, or Python itself, that is another one now; "" stands for one that is missing on that side.

    >>> str(Difference("duckdb", "1.4.5", "1.5.0")), str(Difference("rich", "", "15.0")), str(Difference("rich", "15.0", ""))
    ('duckdb 1.4.5 -> 1.5.0', 'rich 15.0 added', 'rich 15.0 removed')
    """

    name: str
    recorded: str
    found: str

    def __str__(self) -> str:
        if self.recorded and self.found:
            return f"{self.name} {self.recorded} -> {self.found}"
        return f"{self.name} {self.found} added" if self.found else f"{self.name} {self.recorded} removed"


@dataclass(frozen=True, slots=True)
class Lock:
    """All that was installed: Python and its platform, and each package with its version.

    >>> lock = Lock("3.11.2", "cpython-linux-x86_64", {"rich": "15.0.0", "duckdb": "1.5.4"})
    >>> print(lock.text, end="")
    # python 3.11.2 cpython-linux-x86_64
    duckdb==1.5.4
    rich==15.0.0
    >>> Lock.parse(lock.text) == lock
    True
    """

    python: str
    platform: str
    packages: Mapping[str, str]

    @property
    def text(self) -> str:
        """The lock as pip reads it."""
        lines = [f"{name}=={number}" for name, number in sorted(self.packages.items())]
        return "\n".join([f"# python {self.python} {self.platform}", *lines, ""])

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def minor(self) -> str:
        """Python's minor version, such as ``3.11``."""
        return ".".join(self.python.split(".")[:2])

    @classmethod
    def parse(cls, text: str) -> Lock:
        first, *lines = text.splitlines()
        _, _, python, platform = first.split()
        return cls(python, platform, {name: number for name, _, number in (line.partition("==") for line in lines)})

    def differences(self, now: Lock) -> tuple[Difference, ...]:
        """What of this lock is another one now: Python first, then packages by name."""
        was, found = ({"python": each.python, "platform": each.platform} for each in (self, now))
        was |= self.packages
        found |= now.packages
        names = ["python", "platform", *sorted({*self.packages, *now.packages})]
        both = ((name, was.get(name, ""), found.get(name, "")) for name in names)
        return tuple(Difference(name, old, new) for name, old, new in both if old != new)


@functools.cache
def installed() -> Lock:
    """The lock of this process; pip is no part of it, since nothing that runs imports it."""
    found: dict[str, str] = {}
    for folder in sys.path:
        for name, number in _distributions(folder or "."):
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), number)
    found.pop("pip", None)
    python = ".".join(map(str, sys.version_info[:3]))
    kind = "" if sys.version_info.releaselevel == "final" else sys.version_info.releaselevel[0] + str(sys.version_info.serial)
    return Lock(python + kind, f"{sys.implementation.name}-{sys.platform}-{platform.machine()}", found)


def recorded(state: Path) -> dict[str, str]:
    """What a run's record says of its environment. The lock itself is written below ``state`` unless it is there."""
    lock = installed()
    place = _place(state, lock.sha256)
    if not place.is_file():
        write_atomic(make_folder(place.parent) / place.name, lock.text)
    return {"environment_sha256": environment_sha256(), "environment_lock": lock.sha256}


def read_lock(state: Path, sha256: str) -> Lock:
    """A lock by its digest. Raises ``InfrastructureError`` when it is gone or was changed."""
    place = _place(state, sha256)
    try:
        text = place.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    if hashlib.sha256(text.encode()).hexdigest() != sha256:
        where = f"{state.name}/{ENVIRONMENTS}/{place.name}"
        raise InfrastructureError(f"{where} is gone or was changed", hint=f"bring {where} back from a backup")
    return Lock.parse(text)


def _place(state: Path, sha256: str) -> Path:
    return state / ENVIRONMENTS / f"{sha256}.txt"


def _distributions(folder: str) -> Iterator[tuple[str, str]]:
    """Name and version of what is installed in a folder, by the names of its entries: a hundred are read in a millisecond."""
    try:
        entries = sorted(os.listdir(folder))
    except OSError:
        return
    for entry in entries:
        stem, dot, kind = entry.rpartition(".")
        if kind == "dist-info" and "-" in stem:
            name, _, number = stem.rpartition("-")
            yield name, number
        elif kind == "egg-info" and dot:
            told = PathDistribution(Path(folder, entry)).metadata
            if told["Name"] and told["Version"]:
                yield told["Name"], told["Version"]
