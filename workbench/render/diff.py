"""A comparison for people on a terminal, and the words that its page and its comment share with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from workbench.model import counted
from workbench.promote.diff.result import ChangedRow, TableDiff
from workbench.render.grid import SAME, WIDEST, Cell, Grid, clean

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_BAR = 12


def terminal(diff: TableDiff, *, rows: int = 5, where: str | None = None) -> RenderableType:
    """Schema, then the columns that differ with counts, shares and bars, then up to ``rows`` example rows of each kind.

    ``where`` is the condition that chose the changed rows, if there was one.
    """
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [Text(summary(diff), style="bold")]
    signs = {"+": "green", "-": "red", "~": "yellow"}
    parts += [Text(f"  {line[0]}", style=signs[line[0]]).append(line[1:], style="default") for line in schema_lines(diff)]
    if diff.columns:
        parts.append(_columns(diff))
    if rows > 0:
        parts += _examples(diff, rows, where)
    return Group(*parts)


def summary(diff: TableDiff) -> str:
    """The whole answer in one line.

    >>> from workbench.promote.diff import RowCounts, SchemaDiff, TableDiff
    >>> summary(TableDiff(SchemaDiff(), RowCounts(3, 3, 0, 0, 0, 3), {}))
    'identical: 3 rows'
    """
    rows = diff.rows
    if diff.identical:
        return f"identical: {counted(rows.base, 'row')}"
    if rows.identical:
        return f"rows are the same ({rows.base:,}); the schema differs"
    both = rows.changed + rows.unchanged
    changed = f"{rows.changed:,} changed ({share(rows.changed, both)})" if diff.key else "no key, so none counts as changed"
    moved = f"{rows.added:,} added, {rows.removed:,} removed, {changed}, {rows.unchanged:,} unchanged"
    return f"{rows.base:,} -> {counted(rows.candidate, 'row')}: {moved}"


def schema_lines(diff: TableDiff) -> list[str]:
    """What differs between the columns, one line each."""
    schema = diff.schema
    new = {name: old for old, name in schema.renamed.items()}
    lines = [
        f"+ column {clean(name)}" + (f" (perhaps {clean(new[name])} renamed)" if name in new else "") for name in schema.added
    ]
    lines += [f"- column {clean(name)}" for name in schema.removed]
    for name, (old, now) in schema.type_changed.items():
        said = "; not compared" if name in schema.not_compared else ""
        lines.append(f"~ column {clean(name)}: {clean(old)} -> {clean(now)}{said}")
    return lines


def share(part: int, whole: int) -> str:
    """A share in percent, never rounded to nothing or to everything.

    >>> share(1, 1_000_000), share(999_999, 1_000_000), share(1, 8)
    ('<0.1%', '>99.9%', '12.5%')
    """
    percent = 100 * part / whole if whole else 0.0
    if 0 < percent < 0.1:
        return "<0.1%"
    return ">99.9%" if 99.9 < percent < 100 else f"{percent:.1f}%"


def moved(found: dict[str, Any]) -> str:
    """What a distribution says in a few words."""
    base, candidate = found.get("base"), found.get("candidate")
    if not base or not candidate:
        return ""
    words = []
    if base["null_share"] != candidate["null_share"]:
        words.append(f"NULL {base['null_share']:.1%} -> {candidate['null_share']:.1%}")
    if found["kind"] == "number" and base.get("mean") != candidate.get("mean"):
        words.append(f"mean {number(base['mean'])} -> {number(candidate['mean'])}")
    if found["kind"] == "category" and base["distinct"] != candidate["distinct"]:
        words.append(f"{base['distinct']:,} -> {candidate['distinct']:,} distinct")
    if found.get("psi", 0) >= 0.1 and min(base["count"], candidate["count"]) >= 1000:  # fewer rows drift by chance
        words.append(f"drift {found['psi']:.2f}")
    return ", ".join(words)


def number(value: Any) -> str:
    """A figure with about four digits; whole numbers in full.

    >>> number(166158), number(0.21344), number(1234567.8), number("2024-01-01")
    ('166,158', '0.2134', '1,234,568', '2024-01-01')
    """
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:,.4g}"
    return clean(value)


def _columns(diff: TableDiff) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title, justify in (("  column", "left"), ("changed", "right"), ("share", "right"), ("", "left"), ("moved", "left")):
        table.add_column(title, justify=justify)  # type: ignore[arg-type]  # words that rich knows
    both = diff.rows.changed + diff.rows.unchanged
    for name, column in sorted(diff.columns.items(), key=lambda item: -item[1].changed):
        filled = max(1, round(_BAR * column.share))
        bar = Text("█" * filled, style="yellow").append("░" * (_BAR - filled), style="dim")
        words = Text(moved(diff.distributions.get(name, {})), style="dim")
        table.add_row(Text("  " + clean(name, WIDEST)), f"{column.changed:,}", share(column.changed, both), bar, words)
    return table


def _examples(diff: TableDiff, rows: int, where: str | None) -> Iterator[RenderableType]:
    from rich.text import Text

    samples = diff.samples
    shown = samples.changed[:rows]
    if where is not None and diff.rows.changed:
        chosen = f", {'the first ' if len(shown) == rows else 'all '}{len(shown)}" if shown else ": none"
        yield Text(f"changed{chosen} where {clean(where)}{':' if shown else ''}", style="dim")
    elif shown:
        yield Text(f"changed, {len(shown)} of {diff.rows.changed:,}:", style="dim")
    if shown:
        yield _changed(shown)
    for kind, sign, style, examples, total in (
        ("added", "+", "green", samples.added, diff.rows.added),
        ("removed", "-", "red", samples.removed, diff.rows.removed),
    ):
        if examples:
            few = examples[:rows]
            yield Text(f"{kind}, {len(few)} of {total:,}:", style="dim")
            yield _plain(few, diff.key, sign, style)


def changed_names(rows: Iterable[ChangedRow]) -> list[str]:
    """Columns that differ in one of the rows, in the order in which they come up."""
    return list(dict.fromkeys(name for row in rows for name in row.columns))


def _changed(rows: Sequence[ChangedRow]) -> Grid:
    """Base above candidate; where the candidate has the same value a dot stands, so that changes are seen without colours."""
    keys, names = list(rows[0].key), changed_names(rows)
    lines: list[tuple[Cell, ...]] = []
    for row in rows:
        for sign, style, values in (("-", "red", row.base), ("+", "green", row.candidate)):
            marked = [
                (values[name], f"bold {style}") if name in row.columns else (values[name] if sign == "-" else SAME, "dim")
                for name in names
            ]
            keyed = [(value, "") if sign == "-" else ("", "") for value in row.key.values()]
            lines.append(((sign, style), *keyed, *marked))
    return Grid((*keys, *names), len(keys), tuple(lines))


def _plain(rows: Sequence[dict[str, Any]], key: Sequence[str], sign: str, style: str) -> Grid:
    names = [*key, *(name for name in rows[0] if name not in key)]
    return Grid(tuple(names), len(key), tuple(((sign, style), *((row[name], style) for name in names)) for row in rows))
