"""Whether what a version reads is still as it was promoted against: found before a run, and named."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from workbench.catalog.contract import Contract, read_contract
from workbench.catalog.version import read_manifest, version_dir
from workbench.config import Workspace
from workbench.errors import UnknownName, UsageError, WorkbenchError
from workbench.model import Input, VersionId, top_column
from workbench.runtime.sources import source_stamp
from workbench.runtime.warehouse import Warehouse

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend


def check_inputs(workspace: Workspace, warehouse: Warehouse, contract: Contract) -> None:
    """Raise ``WorkbenchError`` when an input lost a column that the version reads, or its type changed.

    The message names column, old and new type, and the other pipelines that read the same input.
    """
    lineage = read_manifest(version_dir(workspace, VersionId(contract.pipeline, contract.version))).get("lineage", {})
    promoted = {entry["name"]: entry.get("types", {}) for entry in lineage.get("inputs", ())}
    with contextlib.ExitStack() as stack:

        @functools.cache
        def session() -> Backend:
            con = warehouse.connect()
            stack.callback(con.disconnect)
            return con

        for each in contract.inputs:
            types: Mapping[str, str] = promoted.get(each.name, {})
            found = _source(warehouse, session, each.name) if each.kind == "source" else _pipeline(warehouse, each.name)
            # What its code names of the table itself, and what is reached through joins and other tables made of it.
            rests_on = (edge["input_column"] for edge in lineage.get("columns", ()) if edge["input"] == each.name)
            read = {*each.columns, *map(top_column, rests_on)}
            broken = _broken(read or types, types, found)
            if broken:
                hit = _hit(workspace, warehouse, each, contract.pipeline)
                raise WorkbenchError(
                    f"{each.kind} {each.name} is not as {contract.pipeline}@{contract.version} was promoted against: "
                    f"{'; '.join(broken)}{hit}",
                    hint=f"restore {each.name}, or correct the notebook, then: workbench promote NOTEBOOK {contract.pipeline}",
                )


def _source(warehouse: Warehouse, session: Callable[[], Backend], name: str) -> Mapping[str, str]:
    """Columns and types of a source; a source whose files are known is not opened again."""
    files = source_stamp(warehouse.workspace, name)
    found = None if files is None else _known.get(files)
    if found is None:
        table = warehouse.source(session(), name, rows=False)
        found = {column: str(kind) for column, kind in table.schema().items()}
        if files is not None and files == source_stamp(warehouse.workspace, name):
            if len(_known) >= KNOWN:
                _known.clear()
            _known[files] = found
    return found


def _pipeline(warehouse: Warehouse, name: str) -> Mapping[str, str]:
    """Columns and types of what readers of a pipeline see."""
    from ibis.backends.sql.datatypes import DuckDBType

    live = warehouse.live([name])
    if name not in live:
        raise UsageError(f"input {name}: nothing is published of it", hint="workbench status")
    return {column: str(DuckDBType.from_string(kind)) for column, kind in live[name].snapshot.columns.items()}


KNOWN = 1000
_known: dict[tuple[object, ...], Mapping[str, str]] = {}  # by what tells a source's files


def _broken(read: Iterable[str], types: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    lines = []
    for column in sorted(read):
        if column not in found:
            near = UnknownName.of("column", column, found).message.partition("; ")[2]
            lines.append(f"column {column}{f' ({types[column]})' if column in types else ''} is gone; {near}")
        elif column in types and _plain(types[column]) != _plain(found[column]):
            lines.append(f"column {column} was {types[column]}, is {found[column]}")
    return lines


def _plain(kind: str) -> str:
    """A type without the mark that says it may not be NULL."""
    return kind.replace("!", "")


def _hit(workspace: Workspace, warehouse: Warehouse, each: Input, pipeline: str) -> str:
    """Which other pipelines an input that broke hits: those that read it, and those that read what these compute."""
    reads: dict[str, set[tuple[str, str]]] = {}
    for name, view in warehouse.current().views.items():
        try:
            contract = read_contract(version_dir(workspace, VersionId(name, view.version)))
        except UsageError:
            continue  # its own run says what is wrong with it
        reads[name] = {(other.kind, other.name) for other in contract.inputs}
    readers = {name for name, inputs in reads.items() if (each.kind, each.name) in inputs}
    below, ahead = set(readers), list(readers)
    while ahead:
        above = ahead.pop()
        found = {name for name, inputs in reads.items() if ("pipeline", above) in inputs} - below
        below |= found
        ahead += found
    said = [
        (f"; it is also read by {', '.join(sorted(readers - {pipeline}))}" if readers - {pipeline} else ""),
        (f"; {', '.join(sorted(below - readers))} read what these compute" if below - readers else ""),
    ]
    return "".join(said)
