"""The parity of a sandbox as JSON and for the terminal; :mod:`workbench.render.parity_page` makes a page of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.model import printable
from workbench.render.listing import Listing
from workbench.render.scan import anonymity_json, anonymity_line
from workbench.sandbox.compare import ColumnParity
from workbench.sandbox.figures import Figure
from workbench.sandbox.parity import Parity

if TYPE_CHECKING:
    from rich.console import Group, RenderableType

SHOWN_FIGURES = 24


def parity_json(parity: Parity) -> dict[str, Any]:
    plain = asdict(parity)
    for column, found in zip(parity.columns, plain["columns"], strict=True):
        found["excess"] = column.excess
        found["bins"] = [list(each) for each in column.bins]
    for figure, found in zip(parity.figures, plain["figures"], strict=True):
        found["holds"] = figure.holds
    plain["anonymity"] = anonymity_json(parity.anonymity)
    return plain | {"ok": parity.ok, "worst": None if parity.worst is None else f"{parity.worst.source}.{parity.worst.column}"}


def verdict(parity: Parity) -> str:
    """The report in one sentence."""
    worst = parity.worst
    holding = sum(figure.holds for figure in parity.figures)
    intervals = f"; {holding} of {len(parity.figures)} intervals hold production's figure" if parity.figures else ""
    if worst is None or worst.excess == 0:
        return f"no sampled column differs from production by more than sampling noise{intervals}"
    return (
        f"{worst.source}.{printable(worst.column)} differs by {worst.excess:.3f} more than sampling noise explains "
        f"({'within' if parity.ok else 'above'} the threshold of {parity.threshold:g}){intervals}"
    )


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 999.5 or value == int(value) else f"{value:.3g}"


def says(column: ColumnParity, threshold: float) -> str:
    if column.distance is None:
        return column.measure or "not compared"
    if not column.counts:
        return "whole" if column.noise == 0 else "support rows"
    if column.excess == 0:
        return "as expected"
    return "differs" if column.excess > threshold else "a little off"


def _shown(figures: Sequence[Figure]) -> list[Figure]:
    """Counts and means first; sums follow from the two."""
    return [figure for figure in figures if not figure.figure.startswith("sum(")][:SHOWN_FIGURES]


def parity_view(parity: Parity) -> Group:
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table

    columns = Listing(
        ("column", "measure", "distance", "noise", "NULL", "in sandbox", "values", "in sandbox", ""),
        words=frozenset({"column", "in sandbox", ""}),
        numbers=frozenset({"distance", "noise", "NULL", "in sandbox", "values"}),
    )
    for each in parity.columns:
        columns.add(
            f"{each.source}.{printable(each.column)}", each.measure,
            "" if each.distance is None else f"{each.distance:.3f}", "" if each.noise is None else f"{each.noise:.3f}",
            f"{each.nulls[0]:.1%}", f"{each.nulls[1]:.1%}", f"{each.distinct[0]:,}", f"{each.distinct[1]:,}",
            says(each, parity.threshold),
        )  # fmt: skip
    parts: list[RenderableType] = [columns]
    if parity.fan_outs:
        fans = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for heading in ("rows for each row referred to", "production", "sandbox", ""):
            fans.add_column(heading, justify="right" if heading in ("production", "sandbox") else "left")
        for fan in parity.fan_outs:
            name = f"{escape(fan.child)}({escape(', '.join(map(printable, fan.columns)))}) for each of {escape(fan.parent)}"
            fans.add_row(name, f"{fan.production:,.2f}", f"{fan.sandbox:,.2f}", "complete" if fan.complete else "thinned")
        parts += ["", fans]
    if parity.figures:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for heading in ("figure", "production", "estimate", "95% interval", ""):
            table.add_column(heading, justify="left" if heading in ("figure", "") else "right")
        for figure in _shown(parity.figures):
            name = printable(f"{figure.source}: {figure.figure}{' where ' + figure.group if figure.group else ''}")
            span = f"{number(figure.low)} .. {number(figure.high)}"
            table.add_row(
                escape(printable(name)),
                number(figure.production),
                number(figure.estimate),
                span,
                "" if figure.holds else "misses",
            )
        parts += ["", table]
    said = [*(anonymity_line(each) for each in parity.anonymity), *parity.notes, verdict(parity)]
    parts += ["", *(escape(line) for line in said)]
    return Group(*parts)
