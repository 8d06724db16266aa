"""The tree of errors: what went wrong, its exit code, and the next command to type.

::

    WorkbenchError            1  the answer is no
    +-- RequirementFailed     1  a wb.require of a notebook or module does not hold
    +-- UsageError            2  usage or configuration
    |   +-- NotAWorkspace
    |   +-- ConfigError
    |   +-- NotebookError
    |   +-- UnknownName
    +-- Waiting               3  waiting for a person
    +-- GuardRefused          4  policy, cost, permission, budget
    +-- InfrastructureError   5  retryable: disk, network, database
        +-- LockHeld
            +-- FileLocked
            +-- LeaseLost

Every error says what happened in ``message`` and how to go on in ``hint``, which ends with a command to type
wherever there is one.
"""

from __future__ import annotations

import errno
import shlex
from collections.abc import Iterable


def quoted(word: object) -> str:
    r"""A path or name as it stands in a command to type, in quotes where a shell would take it apart.

    >>> quoted("notebooks/sales.py"), quoted("my notes/it's.py")
    ('notebooks/sales.py', '\'my notes/it\'"\'"\'s.py\'')
    """
    return shlex.quote(str(word))


class WorkbenchError(Exception):
    """Something a person can act on; never shown as a traceback.

    >>> error = WorkbenchError("run R-4 failed", hint="workbench runs show R-4")
    >>> str(error), error.hint, error.exit_code
    ('run R-4 failed', 'workbench runs show R-4', 1)
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class RequirementFailed(WorkbenchError):
    """A condition that a notebook or module requires does not hold."""


class UsageError(WorkbenchError):
    """The command, a file that it reads, or the configuration is wrong."""

    exit_code = 2


class NotAWorkspace(UsageError):
    """Neither this folder nor one above it holds a ``pyproject.toml`` with ``[tool.workbench]``."""


class ConfigError(UsageError):
    """``[tool.workbench]`` or a ``pipeline.toml`` can't be used as it stands."""


class NotebookError(UsageError):
    """A notebook file can't be read as a marimo notebook with marks."""


class UnknownName(UsageError):
    """A name that was asked for does not exist; the nearest ones are offered.

    >>> UnknownName.of("source", "flihgts", ["flights", "planes"]).message
    "there is no source 'flihgts'; did you mean 'flights'?"
    """

    @classmethod
    def of(cls, kind: str, name: str, known: Iterable[str], *, hint: str = "") -> UnknownName:
        from difflib import get_close_matches

        choices = sorted(known)
        near = get_close_matches(name, choices, n=1)
        if near:
            tail = f"; did you mean {near[0]!r}?"
        elif choices:
            tail = "; there are: " + ", ".join(choices[:12]) + (", …" if len(choices) > 12 else "")
        else:
            tail = "; there are none yet"
        return cls(f"there is no {kind} {name!r}{tail}", hint=hint)


class Waiting(WorkbenchError):
    """A person has to decide first."""

    exit_code = 3


class GuardRefused(WorkbenchError):
    """A policy, a cost cap, a permission or a budget says no."""

    exit_code = 4


class InfrastructureError(WorkbenchError):
    """The disk, the network or a database failed; trying again may help."""

    exit_code = 5


class LockHeld(InfrastructureError):
    """Another process holds what this one needs."""


class FileLocked(LockHeld):
    """Another process, which may be stopped, keeps the store or the right to publish."""


class LeaseLost(LockHeld):
    """This process held the right to run a pipeline and was taken for dead; whoever took it over goes on."""


def infrastructure(error: BaseException | None) -> InfrastructureError | None:
    """A full disk, a missing permission or a locked database, however deep libraries wrapped it; None for all else.

    >>> infrastructure(OSError(28, "No space left on device")).exit_code
    5
    """
    while error is not None:
        text = str(error)
        if (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)) or "No space left" in text:
            return InfrastructureError(
                "the disk is full; nothing was published and no version was changed",
                hint="free space, then type the same command again",
            )
        if (isinstance(error, OSError) and error.errno == errno.EIO) or "Input/output error" in text:
            return InfrastructureError(f"the disk fails: {text.splitlines()[0]}", hint="workbench doctor")
        if isinstance(error, PermissionError) or (isinstance(error, OSError) and error.errno == errno.EROFS):
            return InfrastructureError(f"no permission: {text}", hint="workbench doctor")
        if "database is locked" in text or "Could not set lock on file" in text:
            return InfrastructureError(
                "another process holds a database: " + text.splitlines()[0],
                hint="wait for it to end, then type the same command again",
            )
        if "database or disk is full" in text or "disk I/O error" in text:
            return InfrastructureError(
                "the disk is full or failing: " + text.splitlines()[0], hint="free space, then type the same command again"
            )
        error = error.__cause__ or error.__context__
    return None
