"""``workbench diff``."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.common import console, emit_json, json_option
from workbench.errors import NotAWorkspace, UnknownName, UsageError

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from ibis.backends.duckdb import Backend

    from workbench.model import Snapshot
    from workbench.promote.diff import TableDiff
    from workbench.runtime.warehouse import Warehouse

_PROMOTION = re.compile(r"[Pp]-[0-9]+")
_PIPELINE = re.compile(r"[a-z][a-z0-9_]{0,49}(@v?[0-9]+)?")


@click.command()
@click.argument("base")
@click.argument("candidate", required=False)
@click.option("--key", default="", metavar="A,B", help="Columns that identify a row; without them whole rows are compared.")
@click.option("--abs-tol", type=float, default=0.0, metavar="X", help="Floats that are at most X apart count as equal.")
@click.option("--rel-tol", type=float, default=0.0, metavar="X", help="The same, relative to the larger of the two.")
@click.option("--ignore-case", is_flag=True, help="Text that differs in upper and lower case alone counts as equal.")
@click.option("--rows", type=click.IntRange(0, 10_000), default=5, show_default=True, help="Example rows of each kind.")
@click.option("--where", metavar="SQL", help='Show changed rows for which this holds, e.g. "delta_price > 100".')
@click.option("--html", "page", type=click.Path(path_type=Path, dir_okay=False), help="Write one self-contained page to FILE.")
@click.option("--exit-code", is_flag=True, help="Exit 1 when anything differs.")
@click.option("--verify", is_flag=True, help="Compare every row by value, not by 64-bit hashes first.")
@json_option
def diff(
    base: str,
    candidate: str | None,
    key: str,
    abs_tol: float,
    rel_tol: float,
    ignore_case: bool,
    rows: int,
    where: str | None,
    page: Path | None,
    exit_code: bool,
    verify: bool,
    as_json: bool,
) -> int:
    """Say what differs between BASE and CANDIDATE: columns, rows by key, values, distributions.

    Each is a Parquet or CSV file, a table of a DuckDB file (duckdb:FILE#SCHEMA.TABLE), what readers see of a PIPELINE now, or
    what PIPELINE@VERSION computed. For pipelines the key of the contract is the default. A promotion alone (P-2) shows the
    comparisons that were made with it.

    \b
    Examples:
      workbench diff old.parquet new.parquet --key order_id
      workbench diff orders_daily@2 orders_daily@3 --rows 20 --where "delta_revenue > 100"
      workbench diff orders_daily new.csv --rel-tol 1e-9 --html report.html --exit-code
      workbench diff P-2
    """
    from workbench.cli.progress import steps
    from workbench.runtime.files import write_atomic

    if page is not None and not page.parent.is_dir():
        raise UsageError(f"there is no folder {str(page.parent)!r} for the page", hint=f"mkdir -p {page.parent}")
    if candidate is None:
        return _promotion(base, rows, page, exit_code, as_json)
    from workbench.promote.diff import diff as compare

    with steps() as progress, _tables(base, candidate) as (ours, theirs, default_key):
        progress(f"comparing {base} with {candidate}")
        names = tuple(name.strip() for name in key.split(",") if name.strip()) or default_key
        found = compare(
            ours,
            theirs,
            key=names,
            abs_tol=abs_tol,
            rel_tol=rel_tol,
            ignore_case=ignore_case,
            samples=rows,
            where=where,
            verify=verify,
        )
    if page is not None:
        from workbench.render.diff import html

        write_atomic(page, html(found, title=f"{_short(base)} and {_short(candidate)}"))
    if as_json:
        emit_json({"compared": {"base": base, "candidate": candidate}, **found.to_json()})
    else:
        from workbench.render.diff import terminal

        console().print(terminal(found, rows=rows))
    return int(exit_code and not found.identical)


def _short(name: str) -> str:
    """A side as a page names it: without the folders of this machine."""
    file, separator, table = name.removeprefix("duckdb:").partition("#")
    return Path(file).name + separator + table


@contextlib.contextmanager
def _tables(base: str, candidate: str) -> Iterator[tuple[ir.Table, ir.Table, tuple[str, ...]]]:
    """Both sides in one session, and the key of the contract where a side is a pipeline."""
    import tempfile

    from workbench.promote.diff.files import open_table
    from workbench.runtime.duck import session

    with tempfile.TemporaryDirectory(prefix="workbench-diff-") as spill:
        con = session(Path(spill))
        try:
            tables: list[ir.Table] = []
            key: tuple[str, ...] = ()
            for text, name in ((base, "base"), (candidate, "candidate")):
                if _is_pipeline(text):
                    table, own = _snapshot(con, text)
                    key = key or own
                else:
                    table = open_table(con, text, name)
                tables.append(table)
            both = [set(table.columns) for table in tables]
            yield tables[0], tables[1], key if set(key) <= both[0] & both[1] else ()
        finally:
            con.disconnect()


def _is_pipeline(text: str) -> bool:
    return _PIPELINE.fullmatch(text) is not None and not Path(text).exists()


def _snapshot(con: Backend, text: str) -> tuple[ir.Table, tuple[str, ...]]:
    """What readers see of a pipeline, or what a version of it computed last, and the key of its contract."""
    from workbench.catalog.contract import read_contract
    from workbench.catalog.version import pipelines, version_dir
    from workbench.config import find_workspace
    from workbench.model import VersionId
    from workbench.promote.diff.files import FORMS
    from workbench.runtime.warehouse import Warehouse

    try:
        workspace = find_workspace()
    except NotAWorkspace:
        raise UsageError(
            f"there is no file {text!r} here, and this folder is no workspace with pipelines", hint=FORMS
        ) from None
    warehouse = Warehouse.open(workspace)
    name = text.partition("@")[0]
    if name not in (known := pipelines(workspace)):
        raise UnknownName.of("file or pipeline", name, known, hint="workbench status")
    current = warehouse.live().get(name)
    if "@" in text:
        version = VersionId.parse(text)
        live = current.snapshot if current is not None and current.version == version.number else None
        snapshot = live or _computed(warehouse, version)
    elif current is not None:
        version, snapshot = VersionId(name, current.version), current.snapshot
    else:
        raise UsageError(f"nothing is published of {name}", hint=f"name a version, for example {name}@1")
    return warehouse.read(con, snapshot), read_contract(version_dir(workspace, version)).key


def _computed(warehouse: Warehouse, version: Any) -> Snapshot:
    """The last data of a version that is not live: of its runs, else of its promotion."""
    from workbench.store import Store

    with Store.open(warehouse.workspace, read_only=True) as store:
        made = [
            each.snapshot
            for promotion in store.promotions()
            for each in promotion.candidates
            if (each.pipeline, each.version) == (version.pipeline, version.number)
        ]
    if not made:
        raise UsageError(f"there is no data of {version}", hint="workbench show")
    return warehouse.snapshot(made[-1], version.pipeline)


def _promotion(text: str, rows: int, page: Path | None, exit_code: bool, as_json: bool) -> int:
    """The comparisons that were made with a promotion, logic effect apart from data effect."""
    from workbench.config import find_workspace
    from workbench.promote.evidence import stored_evidence
    from workbench.render.diff import html_report, terminal
    from workbench.runtime.files import write_atomic
    from workbench.store import Store

    if not _PROMOTION.fullmatch(text):
        raise UsageError("one side is missing: name two tables, or one promotion such as P-2", hint="workbench diff --help")
    workspace = find_workspace()
    with Store.open(workspace, read_only=True) as store:
        promotion = store.promotion(text.upper())
        if promotion is None:
            raise UnknownName.of("promotion", text, [each.id for each in store.promotions()], hint="workbench show")
    sections: list[tuple[str, str, TableDiff]] = []
    for candidate in promotion.candidates:
        document = stored_evidence(workspace, promotion, candidate) or {}
        sections += _stored(f"{candidate.pipeline}@{candidate.version}", document)
    if page is not None:
        write_atomic(page, html_report(sections, title=promotion.id))
    if as_json:
        emit_json(
            {
                "promotion": promotion.id,
                "comparisons": [{"of": of, "between": note, **found.to_json()} for of, note, found in sections],
            }
        )
    for heading, note, found in sections if not as_json else ():
        console().print(f"{heading}: {note}", style="bold", markup=False)
        console().print(terminal(found, rows=rows))
    if not sections and not as_json:
        click.echo("no version was live then: nothing to compare with")
    return int(exit_code and not all(found.identical for _, _, found in sections))


def _stored(version: str, document: dict[str, Any]) -> list[tuple[str, str, TableDiff]]:
    from workbench.promote.diff import TableDiff

    titles = {
        "logic": ("logic effect", "live version and candidate on the same snapshot of production"),
        "data": ("data effect", "what readers saw and the live version on the same snapshot of production"),
    }
    return [
        (f"{version}, {title}", note, TableDiff.from_json(document[which]))
        for which, (title, note) in titles.items()
        if document.get(which)
    ]
