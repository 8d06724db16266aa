"""Whether what a version reads is still as it was promoted against: found before a run, and named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.catalog.contract import Contract, read_contract
from workbench.catalog.version import read_manifest, version_dir
from workbench.config import Workspace
from workbench.errors import UnknownName, UsageError, WorkbenchError
from workbench.model import Input, VersionId
from workbench.runtime.warehouse import Warehouse


def check_inputs(workspace: Workspace, warehouse: Warehouse, contract: Contract) -> None:
    """Raise ``WorkbenchError`` when an input lost a column that the version reads, or its type changed.

    The message names column, old and new type, and the other pipelines that read the same input.
    """
    manifest = read_manifest(version_dir(workspace, VersionId(contract.pipeline, contract.version)))
    promoted = {entry["name"]: entry.get("types", {}) for entry in manifest.get("lineage", {}).get("inputs", ())}
    con = warehouse.connect()
    try:
        for each in contract.inputs:
            types: Mapping[str, str] = promoted.get(each.name, {})
            found = {name: str(kind) for name, kind in _schema(warehouse, con, each).items()}
            broken = _broken(each, types, found)
            if broken:
                hit = _hit(workspace, warehouse, each, contract.pipeline)
                raise WorkbenchError(
                    f"{each.kind} {each.name} is not as {contract.pipeline}@{contract.version} was promoted against: "
                    f"{'; '.join(broken)}{hit}",
                    hint=f"restore {each.name}, or correct the notebook, then: workbench promote NOTEBOOK {contract.pipeline}",
                )
    finally:
        con.disconnect()


def _schema(warehouse: Warehouse, con: Any, each: Input) -> Mapping[str, Any]:
    if each.kind == "source":
        return dict(warehouse.source(con, each.name, rows=False).schema())
    live = warehouse.live([each.name])
    if each.name not in live:
        raise UsageError(f"input {each.name}: nothing is published of it", hint="workbench status")
    return dict(warehouse.read(con, live[each.name].snapshot).schema())


def _broken(each: Input, types: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    lines = []
    for column in each.columns or tuple(types):
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
