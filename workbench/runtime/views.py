"""``current.duckdb``: nothing but views, one a pipeline, replaced as a whole so that readers see old or new.

What chosen readers see before the others do is in schema ``canary``.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any

from workbench.errors import InfrastructureError
from workbench.runtime import draft, files
from workbench.runtime.canary import Canary, from_note, read_canaries, statements
from workbench.runtime.duck import identifier, literal, reported, rows
from workbench.runtime.failpoint import reached

NAME = "current.duckdb"
# The words of that file once more, as text, which is read in a hundredth of the time that opening a database takes.
_NOTE = ".current.json"
_TEMPORARY = f"{files.TEMPORARY}current-"
_READ = 8  # warehouses of which this process remembers what readers see


@dataclass(frozen=True, slots=True)
class View:
    """What one view shows: which version and snapshot, and the operation that put it there.

    ``comment`` is what whoever looks at the view with other tools should know of it.
    """

    pipeline: str
    version: int
    snapshot: str
    operation: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Current:
    """All that ``current.duckdb`` says: its views, the last operation, the folder that its views read.

    ``canaries`` are by promotion: what chosen readers see beside the live versions.
    """

    views: dict[str, View] = field(default_factory=dict)
    operation: str | None = None
    folder: str | None = None
    canaries: dict[str, Canary] = field(default_factory=dict)

    def beside(self) -> dict[str, str]:
        """The snapshots that chosen readers see, by pipeline."""
        return {name: at[1] for canary in self.canaries.values() for name, at in canary.data.items()}


def read_current(folder: Path) -> Current:
    """What readers see now; an empty answer before the first publish."""
    file = folder / NAME
    try:
        found = file.stat()
    except FileNotFoundError:
        return Current()
    # A published file is never written to: the same one, told by the system, says the same.
    at, known = _known.get(file, ((), Current()))
    if at != draft.stamp(found):
        known = _noted(file.with_name(_NOTE), draft.stamp(found)) or _asked(file)
        _know(file, draft.stamp(found), known)
    return replace(known, views=dict(known.views), canaries=dict(known.canaries))


_known: dict[Path, tuple[draft.Stamp, Current]] = {}


def _know(file: Path, stamp: draft.Stamp, current: Current) -> None:
    if file not in _known and len(_known) >= _READ:
        _known.clear()
    _known[file] = stamp, current


def _asked(file: Path) -> Current:
    """What DuckDB tells of a file."""
    import duckdb

    with reported("reading the warehouse"):
        # Attached to a session of our own: DuckDB hands out an open instance again for a path that was replaced since.
        con = duckdb.connect(":memory:")
        try:
            con.execute(f"ATTACH {literal(str(file))} AS current_views (READ_ONLY)")
            listed = rows(con, "SELECT pipeline, version, snapshot, operation FROM current_views.workbench.live ORDER BY 1")
            ((operation, place),) = rows(con, "SELECT operation, folder FROM current_views.workbench.last_swap")
            comments = _comments(con, "current_views")
            canaries = read_canaries(con, "current_views")
        except duckdb.CatalogException as error:
            raise InfrastructureError(f"{file} was not written by workbench: {error}", hint="workbench doctor") from error
        finally:
            con.close()
    views = {name: View(name, version, snapshot, by, comments.get(name, "")) for name, version, snapshot, by in listed}
    return Current(views, operation, place, canaries)


def replace_current(
    folder: Path, current: Current, changed: Mapping[str, str | None], beside: Mapping[str, str | None]
) -> None:
    """Put a new ``current.duckdb`` in place: the words of ``current`` and the views that change (SQL, or None to remove).

    ``changed`` are those of all readers, ``beside`` those of chosen ones.
    """
    file = folder / NAME
    files.make_folder(folder)
    temporary = folder / f"{_TEMPORARY}{secrets.token_hex(4)}"
    reached("before_swap")
    try:
        with reported("publishing"):
            _refuse_held(file)
            before, views = read_current(folder), {"main": changed, "canary": beside}
            written = draft.write(file, temporary, lambda con, opened: _define(con, None if opened else before, current, views))
            files.fsync(temporary)
            reached("after_write_new")
            number = temporary.stat().st_ino
            os.replace(temporary, file)
            files.fsync(folder)
            _note(file, number, current, written)
    finally:
        for leftover in (temporary, temporary.with_name(temporary.name + ".wal")):
            leftover.unlink(missing_ok=True)
    reached("after_swap")


def _refuse_held(file: Path) -> None:
    """Raise when another process has the file open to write: what it wrote would be lost with the file that is replaced."""
    with contextlib.suppress(FileNotFoundError), file.open("rb") as stream:
        try:
            fcntl.lockf(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise InfrastructureError(
                f"publishing: another process holds the file: {file} is open for writing",
                hint="wait for it to end, then type the same command again",
            ) from None


def _note(file: Path, number: int, current: Current, written: draft.Draft | None) -> None:
    """Keep the words of a file that was put in place, beside it and here, where it is still the one with that number.

    Readers have been moved by now, so nothing may fail here.
    """
    temporary = file.with_name(f"{_TEMPORARY}{secrets.token_hex(4)}")
    with contextlib.suppress(OSError):
        found = file.stat()
        if found.st_ino == number:
            stamp = draft.stamp(found)
            if written is not None:
                written.equals = stamp
            _know(file, stamp, replace(current, views=dict(current.views), canaries=dict(current.canaries)))
            views = [
                (each.pipeline, each.version, each.snapshot, each.operation, each.comment) for each in current.views.values()
            ]
            said = {"of": stamp, "views": views, "operation": current.operation, "folder": current.folder}
            said["canaries"] = [astuple(canary) for canary in current.canaries.values()]
            temporary.write_text(json.dumps(said), encoding="utf-8")
            os.replace(temporary, file.with_name(_NOTE))
    with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)


def _noted(note: Path, stamp: draft.Stamp) -> Current | None:
    """What is noted of the file with that stamp; None when the note is of another one, or damaged."""
    try:
        said = json.loads(note.read_text(encoding="utf-8"))
        if tuple(said["of"]) != stamp:
            return None
        canaries = {each.promotion: each for each in map(from_note, said["canaries"])}
        return Current({row[0]: View(*row) for row in said["views"]}, said["operation"], said["folder"], canaries)
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


def leftovers(folder: Path) -> Iterable[Path]:
    """Files of swaps that never came to their end; nothing reads them."""
    return sorted(folder.glob(f"{_TEMPORARY}*"))


def _define(con: Any, before: Current | None, current: Current, changed: Mapping[str, Mapping[str, str | None]]) -> None:
    """Define what has changed, in one transaction; ``before`` are the words of the file as it is, where they are known."""
    versions = {name: view.version for name, view in current.views.items()}
    said = _comments(con, "written") if before is None else {name: view.comment for name, view in before.views.items()}
    steps = ["BEGIN"]
    if before is None:
        steps.append("CREATE SCHEMA IF NOT EXISTS workbench")
    if before is None or (before.canaries, {name: view.version for name, view in before.views.items()}) != (
        current.canaries,
        versions,
    ):
        steps += statements(current.canaries, versions)
    for schema, queries in changed.items():
        for pipeline, query in queries.items():
            if query is None:
                steps.append(f"DROP VIEW IF EXISTS {schema}.{identifier(pipeline)}")
            else:
                steps.append(f"CREATE OR REPLACE VIEW {schema}.{identifier(pipeline)} AS {query}")
    for name, view in current.views.items():
        if view.comment != ("" if name in changed["main"] else said.get(name, "")):  # a view that is replaced has none
            steps.append(f"COMMENT ON VIEW main.{identifier(name)} IS {literal(view.comment) if view.comment else 'NULL'}")
    steps.append(f"CREATE OR REPLACE VIEW workbench.live AS {_listed(current)}")
    swap = f"({literal(current.operation or '')}, {literal(current.folder or '')})"
    steps.append(f"CREATE OR REPLACE VIEW workbench.last_swap AS SELECT * FROM (VALUES {swap}) AS last_swap(operation, folder)")
    steps.append("COMMIT")
    # All at once: to begin with a statement costs DuckDB as much as most of these do.
    con.execute(";\n".join(steps))
    # COMMIT answers success even where it has rolled back, so look.
    ((done,),) = rows(con, "SELECT operation FROM workbench.last_swap")
    if done != current.operation:
        raise InfrastructureError("DuckDB rolled the new views back", hint="workbench doctor")
    con.execute("CHECKPOINT")


def _listed(current: Current) -> str:
    """What each view shows, as a query. DuckDB reads one text a hundred times faster than as many rows of values."""
    lines = [f"{each.pipeline}\t{each.version}\t{each.snapshot}\t{each.operation}" for each in current.views.values()]
    text = "\n".join(lines)
    assert (text.count("\t"), text.count("\n")) == (3 * len(lines), max(0, len(lines) - 1)), "names and ids have no white space"
    row = f"SELECT string_split(line, chr(9)) AS said FROM (SELECT unnest(string_split({literal(text)}, chr(10))) AS line)"
    columns = "said[1] AS pipeline, said[2]::INTEGER AS version, said[3] AS snapshot, said[4] AS operation"
    return f"SELECT {columns} FROM ({row}) WHERE said[1] <> ''"


def _comments(con: Any, database: str) -> dict[str, str]:
    """What is said of each view of a database."""
    # A bound value would make DuckDB import pandas.
    where = f"database_name = {literal(database)} AND schema_name = 'main' AND comment <> ''"
    return dict(rows(con, f"SELECT view_name, comment FROM duckdb_views() WHERE {where}"))
