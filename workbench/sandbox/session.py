"""``wb.source``: what a notebook reads, out of one sandbox that can read nothing else.

The connection is built by Ibis and then closed to the rest of the machine: no other file, no extension, no way back.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

from workbench.config import find_workspace
from workbench.errors import GuardRefused, UnknownName, UsageError
from workbench.model import OutputMark, check_mark
from workbench.runtime.duck import literal
from workbench.runtime.stopping import stopping
from workbench.sandbox import registry

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from ibis.backends.duckdb import Backend

ENVIRONMENT = "WORKBENCH_SANDBOX"
WORKSPACE = "WORKBENCH_WORKSPACE"
CREATE = "workbench sandbox create"


@dataclass(frozen=True, slots=True)
class Session:
    """One open sandbox.

    ``sources`` are the names of its tables, ``parameters`` values for ``wb.param`` other than the defaults, and ``outputs``
    what ``wb.output`` recorded.
    """

    path: Path
    con: Backend
    sources: tuple[str, ...]
    parameters: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, tuple[OutputMark, ir.Table]] = field(default_factory=dict)

    def source(self, name: str) -> ir.Table:
        """The sandbox's table of that source, with the columns and types of production."""
        check_mark("source", name, 'wb.source("orders")')
        if name in self.sources:
            return self.con.table(name, database="main")
        declared = _declared()
        if name in declared:
            raise UsageError(f"source {name!r} was declared after this sandbox was made, so the sandbox lacks it", hint=CREATE)
        raise UnknownName.of(
            "source",
            name,
            {*self.sources, *declared},
            hint=f"declare it in pyproject.toml as [tool.workbench.sources.{name}], then: {CREATE}",
        )

    def support_rows(self, name: str) -> int:
        """How many rows of a source are there only so that joins keep matching; sums over them mean little."""
        if name not in self.con.list_tables(database="workbench_rows"):
            return 0
        found = self.con.con.execute(f'SELECT count(*) FROM workbench_rows."{name}" WHERE NOT core').fetchone()
        return int(found[0]) if found else 0


_active: Session | None = None


def current() -> Session:
    """The open session; opened when first asked for.

    That is the file that ``WORKBENCH_SANDBOX`` names, else the active sandbox of the workspace around the current folder.
    """
    global _active
    if _active is None:
        given = os.environ.get(ENVIRONMENT)
        if given:
            path = Path(given)
            check_there(path)
        else:
            path = registry.active(find_workspace()).path
        _active = open_session(path)
        _show_rows()
    return _active


def _show_rows() -> None:
    """Have the editor show a page of a table's rows, until a cell says otherwise, in place of how they would be computed."""
    marimo = sys.modules.get("marimo")
    if marimo is not None and marimo.running_in_notebook():
        import ibis

        ibis.options.interactive = True


def activate(path: Path, parameters: Mapping[str, Any] | None = None) -> Session:
    """Open a sandbox as the current session of this process, in place of the one before.

    That one is closed first: while it is open, DuckDB would give it for a file made anew under the same name.
    """
    global _active
    if not path.is_file():
        raise UsageError(f"there is no sandbox at {path}", hint=CREATE)
    deactivate()
    _active = open_session(path, parameters)
    return _active


def check_there(path: Path) -> None:
    """Raise when the sandbox that a process was started on is gone or has expired meanwhile."""
    if not path.is_file():
        raise UsageError(
            f"sandbox {path.stem}, on which this notebook was opened, is gone: it was made anew or removed",
            hint="close the editor, then type again: workbench edit NOTEBOOK",
        )
    registry.check_alive(path)


def deactivate() -> None:
    """Close the current session, if there is one."""
    global _active
    if _active is not None:
        _active.con.disconnect()
        _active = None


@stopping
def source(name: str) -> ir.Table:
    """A production source as an Ibis table, out of the sandbox: sampled, masked, with the same columns and types.

    In a promoted version the same table comes from production.
    """
    return current().source(name)


def open_session(path: Path, parameters: Mapping[str, Any] | None = None) -> Session:
    """A sandbox file, opened read-only and closed to everything else."""
    import duckdb
    import ibis

    if not path.is_file():
        raise UsageError(f"there is no sandbox at {path}", hint=CREATE)
    # There mo.sql computes: its days must begin when those of wb.sql do, wherever the machine stands.
    duckdb.default_connection().execute("SET TimeZone = 'UTC'")
    con = ibis.duckdb.connect(
        path.resolve(),
        read_only=True,
        autoinstall_known_extensions=False,
        autoload_known_extensions=False,
        allow_community_extensions=False,
    )
    try:
        for statement in (
            "SET TimeZone = 'UTC'",
            # What does not fit into memory goes where this process may write; beside the sandbox it may not.
            f"SET temp_directory = {literal(str(Path(gettempdir(), f'workbench-{os.getpid()}')))}",
            "SET enable_external_access = false",
            "SET lock_configuration = true",
        ):
            con.con.execute(statement)
        locked = con.con.execute(
            "SELECT current_setting('enable_external_access'), current_setting('lock_configuration')"
        ).fetchone()
        if locked != (False, True):
            raise GuardRefused("the sandbox's connection could not be closed to other files", hint="workbench doctor")
    except BaseException:
        con.disconnect()
        raise
    # Asked once: nobody can write to it while it is open.
    return Session(path, con, tuple(sorted(con.list_tables(database="main"))), dict(parameters or {}))


def _declared() -> tuple[str, ...]:
    given = os.environ.get(WORKSPACE)
    try:
        return tuple(find_workspace(Path(given) if given else None).settings.sources)
    except UsageError:
        return ()
