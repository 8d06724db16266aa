"""Whether what a version reads is still as it was promoted against: found before a run, and named."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.catalog.contract import Contract, read_contract
from workbench.catalog.others import only_referred, reached
from workbench.catalog.version import read_manifest, version_dir
from workbench.config import Workspace
from workbench.errors import InfrastructureError, UnknownName, UsageError, WorkbenchError
from workbench.model import Input, VersionId, column_path
from workbench.runtime.alike import Part, unlike
from workbench.runtime.duck import AGAIN, reported
from workbench.runtime.postgres import is_address, place
from workbench.runtime.sources import DUCKDB, SourceGone, is_text, reading, source_files, source_stamp
from workbench.runtime.warehouse import Warehouse
from workbench.runtime.whole import header, odd_line

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend


def check_inputs(workspace: Workspace, warehouse: Warehouse, contract: Contract) -> None:
    """Raise ``WorkbenchError`` when what a version reads lost a column that it reaches, or the type of one changed.

    Columns that its code names count, those reached through joins and the like, and those that its checks look for in other
    tables. The message names column, old and new type, and the other pipelines that read such a column. Versions whose manifest
    has no type of a column are only held to its presence. Files that are gone, or not whole, are ``InfrastructureError``: they
    were there once.
    """
    lineage, version = _lineage(workspace, contract), f"{contract.pipeline}@{contract.version}"
    with contextlib.ExitStack() as stack:

        @functools.cache
        def session() -> Backend:
            con = warehouse.connect()
            stack.callback(con.disconnect)
            return con

        for each in _read_by(workspace, contract):
            try:
                with reported(f"{each.kind} {each.name}"):
                    found = _source(warehouse, session, each.name) if each.kind == "source" else _pipeline(warehouse, each.name)
            except SourceGone as error:
                raise InfrastructureError(
                    f"{error.message}; there was one when {version} was promoted",
                    hint=f"restore it, or mount where it is, {AGAIN}",
                ) from error
            broken = _broken(_reached(lineage, each), _types(lineage, each), found)
            if broken:
                odd = _odd_line(workspace, each)
                hit = _hit(workspace, warehouse, each, contract.pipeline, broken.keys())
                said = odd or "; ".join(broken.values())
                mend = f"restore {each.name}, or correct the notebook, then: workbench promote NOTEBOOK {contract.pipeline}"
                raise WorkbenchError(
                    f"{each.kind} {each.name} is not as {version} was promoted against: {said}{hit}",
                    hint=f"correct that line, {AGAIN}" if odd else mend,
                )


def _lineage(workspace: Workspace, contract: Contract) -> Mapping[str, Any]:
    manifest = read_manifest(version_dir(workspace, VersionId(contract.pipeline, contract.version)))
    found: Mapping[str, Any] = manifest.get("lineage", {})
    return found


def _read_by(workspace: Workspace, contract: Contract) -> tuple[Input, ...]:
    """The inputs of a version, and the tables that its checks look into."""
    sources = workspace.settings.sources
    looked_into = only_referred(contract).items()
    return *contract.inputs, *(Input(name, name, "source" if name in sources else "pipeline", of) for name, of in looked_into)


def _types(lineage: Mapping[str, Any], each: Input) -> Mapping[str, str]:
    """What the columns of a table were when a version was promoted, as far as its manifest says."""
    return {
        name: kind
        for entry in (*lineage.get("inputs", ()), *lineage.get("referred", ()))
        if entry["name"] == each.name
        for name, kind in entry.get("types", {}).items()
    }


def _reached(lineage: Mapping[str, Any], each: Input) -> Mapping[str, tuple[str, ...]]:
    """The columns of a table that a version reads, each with the paths into it."""
    edges = [(edge["input"], edge["input_column"]) for edge in lineage.get("columns", ())]
    found = reached(each.columns, edges, each.name)
    return found or reached(_types(lineage, each), (), each.name)


@dataclass(frozen=True, slots=True)
class _Found:
    """Columns and types of a table; of several files those of the first, and those files that are not like it."""

    types: Mapping[str, str]
    others: tuple[Part, ...] = ()


def _source(warehouse: Warehouse, session: Callable[[], Backend], name: str) -> _Found:
    """What a source has; one whose files are known is not opened again."""
    files = source_stamp(warehouse.workspace, name)
    found = None if files is None else _known.get(files)
    if found is None:
        con = session()
        table = warehouse.source(con, name, rows=False)
        if is_address(read := warehouse.workspace.source(name).read):  # the catalog is for everybody, rows are not
            at = place(name, read)
            reading(con, at.address).rows(f"SELECT 1 FROM {at.relation} LIMIT 0")
        types = {column: str(kind) for column, kind in table.schema().items()}
        found = _Found(types, _unlike(con, warehouse.workspace, name, types))
        if files is not None and files == source_stamp(warehouse.workspace, name):
            if len(_known) >= KNOWN:
                _known.clear()
            _known[files] = found
    return found


def _unlike(con: Backend, workspace: Workspace, name: str, types: Mapping[str, str]) -> tuple[Part, ...]:
    """The files of a source that are not like its first one."""
    read = workspace.source(name).read
    paths = [] if is_address(read) or read.startswith(DUCKDB) else source_files(workspace, name)
    if len(paths) < 2:
        return ()
    if not is_text(paths[0]):
        return unlike(con.con, paths)
    heads = {path.name: header(path) for path in paths}
    if {*heads[paths[0].name]} != {*types}:  # its first line is no header
        return ()
    return tuple(Part(file, frozenset(map(str.lower, names)), {}) for file, names in heads.items() if {*names} != {*types})


def _pipeline(warehouse: Warehouse, name: str) -> _Found:
    """Columns and types of what readers of a pipeline see."""
    from ibis.backends.sql.datatypes import DuckDBType

    live = warehouse.live([name])
    if name not in live:
        raise UsageError(f"input {name}: nothing is published of it", hint="workbench status")
    hurt = warehouse.damaged(live[name].snapshot)
    if hurt:
        raise InfrastructureError(
            f"input {name}: what readers see of it is damaged: {hurt[0]} is missing or cut off",
            hint=f"workbench run {name}, {AGAIN}",
        )
    return _Found({column: str(DuckDBType.from_string(kind)) for column, kind in live[name].snapshot.columns.items()})


KNOWN = 1000
LONGEST = 120  # characters of a name in a message
_known: dict[tuple[object, ...], _Found] = {}  # by what tells a source's files


def _broken(read: Mapping[str, tuple[str, ...]], types: Mapping[str, str], found: _Found) -> dict[str, str]:
    """What is wrong with each column that is not as it was."""
    lines = {}
    for column, paths in read.items():
        was = f"column {column}{f' ({types[column]})' if column in types else ''}"
        without = [part.file for part in found.others if column.lower() not in part.columns]
        wrong = [part.wrong[column.lower()] for part in found.others if column.lower() in part.wrong]
        if column not in found.types:
            near = UnknownName.of("column", column, map(_shown, found.types)).message.partition("; ")[2]
            lines[column] = f"{was} is gone; {near}"
        elif without:
            lines[column] = f"{was} is gone from {without[0]}"
        elif column in types and _plain(types[column]) != _plain(found.types[column]):
            changed = [line for path in paths if (line := _changed(column, path, types[column], found.types[column]))]
            if changed:
                lines[column] = "; ".join(changed)
        elif wrong:
            lines[column] = f"column {column} {_shown(wrong[0])}"
    return lines


def _odd_line(workspace: Workspace, each: Input) -> str:
    """The line that makes the columns of a CSV file others than its header says; "" where there is none."""
    if each.kind != "source" or is_address(workspace.source(each.name).read):
        return ""
    files = filter(is_text, source_files(workspace, each.name))
    return next((said for path in files if (said := odd_line(path))), "")


def _shown(text: str) -> str:
    """A name or value as it can be printed: a file that is no table has names of all kinds of characters."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in text)
    return plain if len(plain) <= LONGEST else plain[:LONGEST] + "…"


def _changed(column: str, path: str, old: str, new: str) -> str:
    """How what a path leads to changed; "" where only other fields of the column did."""
    was, now = _plain(old), _plain(new)
    if path != column_path(column):
        name, fields = path, path.removeprefix(column_path(column) + ".").split(".")
        inside, other = _field(old, fields), _field(new, fields)
        if inside is not None:
            was, now, column = inside, other or "", name
    if was == now:
        return ""
    return f"column {column} was {was}, is {now}" if now else f"column {column} ({was}) is gone"


def _field(kind: str, fields: Sequence[str]) -> str | None:
    """The type of a field of a struct; None where none is found."""
    import ibis

    try:
        found: Any = ibis.dtype(kind)
        for name in fields:
            found = found.fields[name]
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError):
        return None
    return _plain(str(found))


def _plain(kind: str) -> str:
    """A type without the mark that says it may not be NULL."""
    return kind.replace("!", "")


def _hit(workspace: Workspace, warehouse: Warehouse, each: Input, pipeline: str, columns: AbstractSet[str]) -> str:
    """Which other pipelines columns that broke hit: those that read one of them, and those that read what these compute."""
    reads: dict[str, set[tuple[str, str]]] = {}
    readers = {pipeline}
    for name, view in warehouse.current().views.items():
        try:
            contract = read_contract(version_dir(workspace, VersionId(name, view.version)))
            lineage = _lineage(workspace, contract)
        except WorkbenchError:
            continue  # its own run says what is wrong with it
        reads[name] = {(other.kind, other.name) for other in contract.inputs}
        same = (other for other in _read_by(workspace, contract) if (other.kind, other.name) == (each.kind, each.name))
        if any(not columns.isdisjoint(_reached(lineage, other)) for other in same):
            readers.add(name)
    below, ahead = set(readers), list(readers)
    while ahead:
        above = ahead.pop()
        found = {name for name, inputs in reads.items() if ("pipeline", above) in inputs} - below
        below |= found
        ahead += found
    others, further = sorted(readers - {pipeline}), sorted(below - readers)
    also = f"; it is also read by {', '.join(others)}" if others else ""
    below_reads = f"{', '.join(further)} read{'s' if len(further) == 1 else ''}"
    return also + (f"; {below_reads} what {'these compute' if others else f'{pipeline} computes'}" if further else "")
