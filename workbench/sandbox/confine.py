"""What a process with an analyst's code may reach: the sandbox, its notebooks, what Python needs to run, and nothing else.

:func:`plan` decides which files and ports these are; :mod:`workbench.runtime.landlock` has the kernel enforce it.
"""

from __future__ import annotations

import glob
import itertools
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.config import Workspace
from workbench.runtime import seccomp
from workbench.runtime.landlock import NETWORK, Rules, restrict, version

# Programs, libraries, fonts and locales; and of /etc what no password is in.
SYSTEM = "/usr /bin /sbin /lib /lib32 /lib64 /libx32 /nix/store /gnu/store".split()
SETTINGS = (
    "alternatives debian_version fonts group host.conf hostname hosts inputrc ld.so.cache ld.so.conf ld.so.conf.d locale.alias "
    "locale.conf localtime login.defs machine-id mime.types nsswitch.conf os-release passwd pki protocols resolv.conf services "
    "shells ssl terminfo timezone"
).split()
# DuckDB asks the processor's cache sizes of /sys, and ends the process when it may not. Of other processes Landlock hides
# memory, variables and open files.
STATE = ("/proc", "/sys")
DEVICES = tuple(f"/dev/{name}" for name in "null zero full random urandom tty pts".split())
SHARED = Path("/dev", "shm")  # semaphores and memory that Python processes share
FONTS = (".fonts", ".local/share/fonts", ".cache/fontconfig", ".config/fontconfig")


@dataclass(frozen=True, slots=True)
class Confinement:
    """How far a process is confined: by which version of Landlock's interface, 0 for not at all."""

    version: int

    @property
    def files(self) -> bool:
        return self.version > 0

    @property
    def network(self) -> bool:
        return self.version >= NETWORK and seccomp.offered()

    def __str__(self) -> str:
        if self.network:
            return "confined to the sandbox: no other data file, no TCP connection (Landlock)"
        if self.files:
            return "confined to the sandbox's files (Landlock); this kernel can't confine the network, so that stays open"
        return (
            "not confined, as this system offers no Landlock: Python code may read whatever you may; "
            "protect production by the permissions of its files"
        )


def offered() -> Confinement:
    """How far this system can confine a process.

    >>> str(Confinement(0))[:12], str(Confinement(1))[:33], Confinement(7).network
    ('not confined', "confined to the sandbox's files (", True)
    """
    return Confinement(version())


def confine(rules: Rules) -> Confinement:
    """Confine this process, for good."""
    return Confinement(restrict(rules))


def plan(
    workspace: Workspace,
    *,
    notebooks: Path,
    sandbox: Path,
    own: Path,
    save: bool = False,
    write: Iterable[Path] = (),
    listen: Sequence[int] = (),
    given: Sequence[str] | None = None,
) -> Rules:
    """The rules for a process that works with a folder of notebooks on one sandbox.

    ``own`` is its temporary folder; with ``save`` it may change the notebooks, and ``write`` are further places that it
    changes. ``given`` is where Python looks for modules (``sys.path``). Production's files, the workspace's state and the
    warehouse stay out even where a folder that is allowed holds them.
    """
    root, notebooks = workspace.root.resolve(), notebooks.resolve()
    python = [Path(each).resolve() for each in dict.fromkeys((sys.prefix, sys.base_prefix, sys.exec_prefix))]
    closed = _closed(workspace, [notebooks, *python, *map(Path, SYSTEM)])
    searched = _searched(root, sys.path if given is None else given, [*python, *map(Path, SYSTEM)])
    read = [
        *(Path("/etc", name) for name in SETTINGS),
        *(Path.home() / name for name in FONTS),
        root / "pyproject.toml",
        workspace.promoted,
        *(each for folder in searched for each in _modules(folder)),
    ]
    within, box = without(notebooks, closed), sandbox.resolve()
    box = box.parent if box.parent.parent == workspace.sandboxes.resolve() else box
    names = [*searched, *([] if within == [notebooks] else [notebooks])]
    return Rules(
        run=_texts(each for path in [*map(Path, SYSTEM), *python] for each in without(path, closed)),
        read=_texts([*map(Path, STATE), box, *within, *(each for path in read for each in without(path, closed))]),
        names=_texts(names),
        write=_texts([own.resolve(), SHARED, *write, *(within if save else [])]),
        devices=DEVICES,
        listen=tuple(listen),
    )


def without(path: Path, closed: frozenset[Path]) -> list[Path]:
    """A file or folder, or the parts of it that hold nothing of what is closed.

    >>> without(Path("/a"), frozenset([Path("/b")])), without(Path("/a/b/c"), frozenset([Path("/a/b")]))
    ([PosixPath('/a')], [])
    """
    real = path.resolve()
    if any(each == real or each in real.parents for each in closed):
        return []
    if not any(real in each.parents for each in closed):
        return [path]
    return [each for child in sorted(real.iterdir()) for each in without(child, closed)]


def _closed(workspace: Workspace, needed: Sequence[Path]) -> frozenset[Path]:
    """Where production is: the warehouse, the state of the workspace, and the folders or files of all sources.

    The folder of a source is closed as a whole, since what lies beside a raw table is raw data too, unless it holds something
    that is needed.
    """
    root = workspace.root.resolve()
    found = {workspace.warehouse.resolve(), workspace.state.resolve()}
    for source in workspace.settings.sources.values():
        if "://" in source.read:
            continue
        place = source.read.removeprefix("duckdb:").partition("#")[0]
        fixed = Path(*itertools.takewhile(lambda part: not set(part) & set("*?["), Path(place).parts))
        folder = (root / (fixed if str(fixed) != place else fixed.parent)).resolve()
        if any(each.is_relative_to(folder) for each in (root, *needed)):
            found |= {Path(root, each).resolve() for each in glob.glob(place, root_dir=root, recursive=True)}
            found.add((root / place).resolve())
        else:
            found.add(folder)
    return frozenset(found)


def _searched(root: Path, given: Sequence[str], inside: Sequence[Path]) -> list[Path]:
    """The workspace, the folder of this package, and the folders of ``sys.path`` that do not belong to Python itself."""
    always = (root, Path(__file__).resolve().parents[2])
    # `python -m` puts the current folder first; that may be anywhere, and nothing needs it.
    here = Path.cwd().resolve()
    folders = dict.fromkeys([*always, *(each for text in given if text and (each := Path(text).resolve()) != here)])
    return [each for each in folders if each.is_dir() and not any(each.is_relative_to(part) for part in inside)]


def _modules(folder: Path) -> list[Path]:
    """What can be imported from a folder, and what says which packages are installed there."""
    installed = (".py", ".so", ".pth", ".dist-info", ".egg-info", ".zip", ".egg", ".libs")
    return [
        child
        for child in sorted(folder.iterdir())
        if child.suffix in installed or (child.name.isidentifier() and child.is_dir() and any(child.glob("*.py")))
    ]


def _texts(paths: Iterable[Path]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(str, paths)))
