"""Rows that were held back, on a terminal and as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workbench.moments import happened, iso, iso_or_none
from workbench.render.listing import Listing
from workbench.store.records import QuarantineRecord

if TYPE_CHECKING:
    from rich.console import RenderableType

STYLES = {"held": "yellow", "releasing": "cyan", "released": "green", "discarded": "dim"}


def held_view(found: Sequence[QuarantineRecord]) -> RenderableType:
    """A table of one line for each."""
    from rich.text import Text

    titles = ("id", "version", "run", "interval", "rows", "state", "checks")
    table = Listing(titles, words=frozenset({"checks"}), numbers=frozenset({"rows"}))
    for each in found:
        table.add(
            each.id,
            f"{each.pipeline}@{each.version}",
            each.run,
            "all data" if each.interval is None else str(each.interval),
            f"{each.file.rows:,}",
            Text(each.state, style=STYLES[each.state]),
            "; ".join(each.checks),
        )
    return table


def one_view(record: QuarantineRecord, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> RenderableType:
    """One, a fact a line, and its first rows."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    facts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    said = {
        "interval": "all data" if record.interval is None else str(record.interval),
        "run": record.run,
        "checks": "; ".join(record.checks),
        "rows": f"{record.file.rows:,}",
        "since": happened(record.at),
        "file": record.file.path,
    }
    if record.decided is not None:
        said |= {record.state: f"{happened(record.decided)} by {record.who}", "why": record.why}
    for name, value in said.items():
        facts.add_row(name, Text(value))
    title = Text.assemble(
        (f"{record.id} ", "bold"), f"{record.pipeline}@{record.version} ", (record.state, STYLES[record.state])
    )
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        shown.add_column(Text(column), overflow="fold")
    for row in rows:
        shown.add_row(*(Text("NULL" if value is None else str(value)) for value in row))
    return Group(title, facts, Text(""), shown) if rows else Group(title, facts)


def held_json(record: QuarantineRecord) -> dict[str, Any]:
    """One as plain values; ``schema_version`` 1."""
    span = record.interval
    return {
        "id": record.id,
        "pipeline": record.pipeline,
        "version": record.version,
        "run": record.run,
        "interval": None if span is None else {"start": iso(span.start), "end": iso(span.end)},
        "rows": record.file.rows,
        "file": record.file.path,
        "sha256": record.file.sha256,
        "checks": list(record.checks),
        "state": record.state,
        "at": iso(record.at),
        "decided": iso_or_none(record.decided),
        "who": record.who or None,
        "why": record.why or None,
    }
