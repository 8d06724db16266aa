"""``workbench diff``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.cli.common import console, emit_json
from workbench.cli.options import COMMENT, form_option, page_option, rows_option
from workbench.cli.output import check_folder, write_file
from workbench.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from workbench.promote.diff import TableDiff


@click.command()
@click.argument("base")
@click.argument("candidate", required=False)
@click.option("--key", default="", metavar="A,B", help="Columns that identify a row; without them whole rows are compared.")
@click.option("--abs-tol", type=float, default=0.0, metavar="X", help="Floats that are at most X apart count as equal.")
@click.option("--rel-tol", type=float, default=0.0, metavar="X", help="The same, relative to the larger of the two.")
@click.option("--ignore-case", is_flag=True, help="Text that differs in upper and lower case alone counts as equal.")
@rows_option(5)
@click.option("--where", metavar="SQL", help='Show changed rows for which this holds, e.g. "delta_price > 100".')
@page_option("Write one self-contained page to FILE.")
@click.option("--exit-code", is_flag=True, help="Exit 1 when anything differs.")
@click.option("--verify", is_flag=True, help="Compare every row by value, not by 64-bit hashes first.")
@click.option("--thin", is_flag=True, help="Compare checksums on the server first, and read only rows that may differ.")
@form_option(COMMENT)
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
    thin: bool,
    form: str,
) -> int:
    """Say what differs between BASE and CANDIDATE: columns, rows by key, values, distributions.

    Each is a Parquet or CSV file, a table of a DuckDB file (duckdb:FILE#SCHEMA.TABLE) or of PostgreSQL
    (postgres://USER@HOST/DATABASE#SCHEMA.TABLE), what readers see of a PIPELINE, what they saw last of PIPELINE@VERSION, what a
    run left them (R-3), or what a promotion would bring them (P-2, or P-2#PIPELINE). For pipelines the key of the contract is
    the default.

    A promotion alone shows the comparisons that were made with it; a run alone shows what it changed.

    \b
    Examples:
      workbench diff old.parquet new.parquet --key order_id
      workbench diff orders_daily@2 orders_daily@3 --rows 20 --where "delta_revenue > 100"
      workbench diff orders_daily new.csv --rel-tol 1e-9 --html report.html --exit-code
      workbench diff postgres://ada@db.example.org/shop#public.orders orders.parquet --key order_id
      workbench diff postgres://ada@db/shop#public.orders postgres://ada@db/shop#next.orders --key order_id --thin
      workbench diff P-2 --format github
      workbench diff R-3
    """
    from workbench.cli.progress import steps
    from workbench.promote.sides import is_run, opened

    check_folder(page)
    _check_thin(thin, verify, (base, candidate or ""))
    if candidate is None and not is_run(base):
        name, sections = _promotion(base)
        if form == "json":
            said = [{"of": of, "between": note, **found.to_json()} for of, note, found in sections]
            emit_json({"promotion": name, "comparisons": said})
    else:
        from workbench.promote.diff import diff as compare

        with steps() as progress, opened(base, candidate, progress, thin=thin) as sides:
            progress(f"comparing {' with '.join(sides.names)}")
            matched = _names(key) or sides.key
            if where is not None and not matched:
                raise UsageError(
                    "--where chooses among changed rows, and without a key no row counts as changed",
                    hint="add --key with the columns that identify a row",
                )
            left = sides.thinned(matched) if thin else None
            found = compare(
                left.base if left else sides.base,
                left.candidate if left else sides.candidate,
                key=matched,
                abs_tol=abs_tol,
                rel_tol=rel_tol,
                ignore_case=ignore_case,
                samples=rows,
                where=where,
                verify=verify,
                largest=10 if page is not None else 0,
                distributions=not thin,
                shared=left.shared if left else 0,
            )
        name, sections = " and ".join(sides.names), [("", "", found)]
        if form == "json":
            emit_json({"compared": dict(zip(("base", "candidate"), sides.typed, strict=True)), **found.to_json()})
    if page is not None:
        from workbench.render.diff_page import html_report

        write_file(page, html_report(sections, title=name))
    if form != "json":
        _say(name, sections, form, rows, where)
    return int(exit_code and not all(found.identical for _, _, found in sections))


def _names(key: str) -> tuple[str, ...]:
    """The columns of a key; one with a comma in its name is put into quotes, as in a CSV file.

    >>> _names('day, origin'), _names('"last, first",id')
    (('day', 'origin'), ('last, first', 'id'))
    """
    found = re.findall(r'\s*(?:"((?:[^"]|"")+)"\s*(?=,|$)|([^,]*))(?:,|$)', key)
    return tuple(quoted.replace('""', '"') or plain.strip() for quoted, plain in found if quoted or plain.strip())


def _check_thin(thin: bool, verify: bool, sides: Sequence[str]) -> None:
    from workbench.promote.server import is_server

    if thin and verify:
        raise UsageError("--verify compares every row by value, and --thin leaves rows out", hint="leave one of them out")
    if thin and not any(is_server(side) for side in sides):
        raise UsageError("--thin is for a side on a server, and none is", hint="leave --thin out")


def _promotion(text: str) -> tuple[str, list[tuple[str, str, TableDiff]]]:
    """The id of a promotion and the comparisons that were made with it, logic effect apart from data effect."""
    from workbench.config import find_workspace
    from workbench.promote.evidence import stored_sections
    from workbench.promote.stored import PROMOTION
    from workbench.store import Store

    if not (named := PROMOTION.fullmatch(text)):
        raise UsageError(
            "one side is missing: name two tables, or one promotion or run, such as P-2 or R-3", hint="workbench diff --help"
        )
    workspace = find_workspace()
    with Store.open(workspace, read_only=True) as store:
        promotion = store.promotion(named[1].upper())
        if promotion is None:
            raise UnknownName.of("promotion", named[1], [each.id for each in store.promotions()], hint="workbench show")
    made = [each.pipeline for each in promotion.candidates]
    if named[2] and named[2] not in made:
        raise UnknownName.of(f"pipeline in {promotion.id}", named[2], made, hint=f"workbench show {promotion.id}")
    return promotion.id, stored_sections(workspace, promotion, named[2])


def _say(name: str, sections: Sequence[tuple[str, str, TableDiff]], form: str, rows: int, where: str | None) -> None:
    """Comparisons on standard output, for people or for a pull request."""
    if form == "github":
        from workbench.render.github import comment

        click.echo(comment(name, sections, rows=rows), nl=False)
        return
    from workbench.render.diff import terminal

    for heading, note, found in sections:
        if heading:
            console().print(f"{heading}: {note}", style="bold", markup=False)
        console().print(terminal(found, rows=rows, where=where))
    if not sections:
        click.echo("no version was live then: nothing to compare with")
