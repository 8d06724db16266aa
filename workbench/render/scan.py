"""What a scan found, for the terminal and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.model import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Group, RenderableType

    from workbench.sandbox.scan import Anonymity, Scan


def scan_json(found: Scan) -> dict[str, Any]:
    return {
        "target": found.target,
        "tables": list(found.tables),
        "clean": found.clean,
        "hits": [asdict(each) | {"share": each.share} for each in found.hits],
        "anonymity": anonymity_json(found.anonymity),
    }


def anonymity_json(all_classes: Sequence[Anonymity]) -> list[dict[str, Any]]:
    return [asdict(each) | {"share_below": each.share_below} for each in all_classes]


def anonymity_line(each: Anonymity) -> str:
    """One sentence.

    >>> from workbench.sandbox.scan import Anonymity
    >>> anonymity_line(Anonymity("people", ("zip", "born"), 5, 1000, 210, 1, 37))
    'people by zip, born: 210 classes, the smallest of 1 row; 37 rows (3.7%) are in classes below 5'
    """
    classes = f"{each.classes:,} classes, the smallest of {counted(each.smallest, 'row')}"
    below = f"{each.rows_below:,} rows ({each.share_below:.1%}) are in classes below {each.k}"
    return f"{each.table} by {', '.join(each.columns)}: {classes}; {below}"


def scan_view(found: Scan) -> Group:
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table

    parts: list[RenderableType] = []
    if found.hits:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for heading in ("column", "looks like", "values", "share", ""):
            table.add_column(heading, justify="right" if heading in ("values", "share") else "left")
        for each in found.hits:
            kept = 'kept in clear by mask = "keep"' if each.kept else ""
            table.add_row(escape(f"{each.table}.{each.column}"), each.looks, f"{each.hits:,}", f"{each.share:.1%}", kept)
        parts.append(table)
    else:
        parts.append(f"{escape(found.target)}: no value of {counted(len(found.tables), 'table')} looks personal")
    parts += [escape(anonymity_line(each)) for each in found.anonymity]
    return Group(*parts)
