"""A comparison for people: on a terminal, and as one HTML file that works offline."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.promote.diff.result import ChangedRow, TableDiff

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

_BAR = 12
_CELL = 40
_WIDE = 8  # columns of an example table beyond its key


def terminal(diff: TableDiff, *, rows: int = 5) -> RenderableType:
    """Schema, then the columns that differ with counts, shares and bars, then up to ``rows`` example rows of each kind."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [Text(summary(diff), style="bold")]
    parts += [Text(f"  {line}") for line in schema_lines(diff)]
    if diff.columns:
        parts.append(_columns(diff))
    if rows > 0:
        parts += _examples(diff, rows)
    return Group(*parts)


def summary(diff: TableDiff) -> str:
    """The whole answer in one line.

    >>> from workbench.promote.diff import RowCounts, SchemaDiff, TableDiff
    >>> summary(TableDiff(SchemaDiff(), RowCounts(3, 3, 0, 0, 0, 3), {}))
    'identical: 3 rows'
    """
    rows = diff.rows
    if diff.identical:
        return f"identical: {count(rows.base, 'row')}"
    if rows.identical:
        return f"rows are the same ({rows.base:,}); the schema differs"
    both = rows.changed + rows.unchanged
    changed = f"{rows.changed:,} changed ({share(rows.changed, both)})" if diff.key else "no key, so none counts as changed"
    moved = f"{rows.added:,} added, {rows.removed:,} removed, {changed}, {rows.unchanged:,} unchanged"
    return f"{rows.base:,} -> {count(rows.candidate, 'row')}: {moved}"


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


def count(number: int, noun: str) -> str:
    """A number with its noun.

    >>> count(1, "row"), count(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def share(part: int, whole: int) -> str:
    """A share in percent, never rounded to nothing or to everything.

    >>> share(1, 1_000_000), share(999_999, 1_000_000), share(1, 8)
    ('<0.1%', '>99.9%', '12.5%')
    """
    percent = 100 * part / whole if whole else 0.0
    if 0 < percent < 0.1:
        return "<0.1%"
    return ">99.9%" if 99.9 < percent < 100 else f"{percent:.1f}%"


def clean(value: Any, width: int = 200) -> str:
    """A value as one short line: control characters (also those that steer terminals) as escapes.

    >>> clean("a\\x1b[2Jb")
    'a\\\\x1b[2Jb'
    """
    if value is None:
        return "NULL"
    text = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]", lambda found: ascii(found[0])[1:-1], str(value))
    return text if len(text) <= width else text[: width - 1] + "…"


def moved(found: dict[str, Any]) -> str:
    """What a distribution says in a few words."""
    base, candidate = found.get("base"), found.get("candidate")
    if not base or not candidate:
        return ""
    words = []
    if base["null_share"] != candidate["null_share"]:
        words.append(f"NULL {base['null_share']:.1%} -> {candidate['null_share']:.1%}")
    if found["kind"] == "number" and base.get("mean") != candidate.get("mean"):
        words.append(f"mean {_number(base['mean'])} -> {_number(candidate['mean'])}")
    if found["kind"] == "category" and base["distinct"] != candidate["distinct"]:
        words.append(f"{base['distinct']:,} -> {candidate['distinct']:,} distinct")
    if found.get("psi", 0) >= 0.1 and min(base["count"], candidate["count"]) >= 1000:  # fewer rows drift by chance
        words.append(f"drift {found['psi']:.2f}")
    return ", ".join(words)


def _number(value: Any) -> str:
    return f"{value:,.4g}" if isinstance(value, int | float) else clean(value)


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
        table.add_row(Text("  " + clean(name, _CELL)), f"{column.changed:,}", share(column.changed, both), bar, words)
    return table


def _examples(diff: TableDiff, rows: int) -> Iterator[RenderableType]:
    from rich.text import Text

    samples = diff.samples
    if samples.changed:
        shown = samples.changed[:rows]
        yield Text(f"changed, {len(shown)} of {diff.rows.changed:,}:", style="dim")
        yield _changed(shown)
    for kind, sign, style, examples, total in (
        ("added", "+", "green", samples.added, diff.rows.added),
        ("removed", "-", "red", samples.removed, diff.rows.removed),
    ):
        if examples:
            shown_rows = examples[:rows]
            yield Text(f"{kind}, {len(shown_rows)} of {total:,}:", style="dim")
            yield _plain(shown_rows, diff.key, sign, style)


def changed_names(rows: Iterable[ChangedRow]) -> list[str]:
    """Columns that differ in one of the rows, in the order in which they come up."""
    return list(dict.fromkeys(name for row in rows for name in row.columns))


def _changed(rows: Sequence[ChangedRow]) -> Table:
    """Base above candidate, the cells that differ marked."""
    keys, names = list(rows[0].key), changed_names(rows)[:_WIDE]
    table = _grid([*keys, *names])
    for row in rows:
        for sign, style, values in (("-", "red", row.base), ("+", "green", row.candidate)):
            marked = [_cell(values[name], f"bold {style}" if name in row.columns else "dim") for name in names]
            keyed = [_cell(value, "") if sign == "-" else _cell("", "") for value in row.key.values()]
            table.add_row(_cell(sign, style), *keyed, *marked)
    return table


def _plain(rows: Sequence[dict[str, Any]], key: Sequence[str], sign: str, style: str) -> Table:
    names = [*key, *[name for name in rows[0] if name not in key][:_WIDE]]
    table = _grid(names)
    for row in rows:
        table.add_row(_cell(sign, style), *(_cell(row[name], style) for name in names))
    return table


def _grid(names: Iterable[str]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(" ")
    for name in names:
        table.add_column(Text(clean(name, _CELL)), overflow="ellipsis", no_wrap=True)
    return table


def _cell(value: Any, style: str) -> Text:
    from rich.text import Text

    return Text(clean(value, _CELL), style=style)


def html(diff: TableDiff, *, title: str, note: str = "") -> str:
    """One comparison as one self-contained page; equal comparisons give equal bytes."""
    return html_report([("", note, diff)], title=title)


def html_report(sections: Sequence[tuple[str, str, TableDiff]], title: str) -> str:
    """Several comparisons apart, each a (heading, note, comparison), as one self-contained page.

    Every value is escaped; the page loads nothing, holds no time and no path, and reads in light and dark and on a phone.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"clean": clean, "number": _number}
    environment.globals |= {"share": share, "count": count}
    page = environment.get_template("diff.html.j2")
    return page.render(title=title, sections=[_section(*section) for section in sections]) + "\n"


def _section(heading: str, note: str, diff: TableDiff) -> dict[str, Any]:
    both = diff.rows.changed + diff.rows.unchanged
    columns = sorted(diff.columns.items(), key=lambda item: -item[1].changed)
    return {
        "heading": heading,
        "note": note,
        "diff": diff,
        "summary": summary(diff),
        "schema": schema_lines(diff),
        "columns": [
            (
                name,
                column.changed,
                share(column.changed, both),
                round(100 * column.share, 1),
                moved(diff.distributions.get(name, {})),
            )
            for name, column in columns
        ],
        "charts": [chart(name, found) for name, found in diff.distributions.items()],
        "changed_names": changed_names(diff.samples.changed),
    }


def chart(name: str, found: dict[str, Any]) -> dict[str, Any]:
    """A distribution as paired bars (label, base, candidate, and their widths in percent) and a table of figures."""
    bars: list[tuple[str, int, int]] = []
    if "bins" in found:
        edges, bins = found["bins"]["edges"], found["bins"]
        labels = [f"up to {_number(edge)}" for edge in edges] + [f"above {_number(edges[-1])}"]
        none = [0] * len(labels)
        bars = list(zip(labels, bins.get("base", none), bins.get("candidate", none), strict=True))
    elif "top" in found:
        bars = [(each["value"], each["base"], each["candidate"]) for each in found["top"]]
    elif "counts" in found:
        bars = [(each["start"].removesuffix(" 00:00:00"), each["base"], each["candidate"]) for each in found["counts"]]
    totals = [sum(base for _, base, _ in bars) or 1, sum(candidate for _, _, candidate in bars) or 1]
    shares = [(base / totals[0], candidate / totals[1]) for _, base, candidate in bars]
    widest = max([0.0, *(value for pair in shares for value in pair)]) or 1.0
    figures: list[tuple[Any, ...]] = []
    labels = list(dict.fromkeys(label for side in ("base", "candidate") for label in found[side] or {} if label != "quantiles"))
    for label in labels:
        figures.append((label.replace("_", " "), *((found[side] or {}).get(label) for side in ("base", "candidate"))))
    for quantile in ((found["base"] or found["candidate"]) or {}).get("quantiles", {}):
        figures.append((quantile, *((found[side] or {}).get("quantiles", {}).get(quantile) for side in ("base", "candidate"))))
    return {
        "name": name,
        "kind": found["kind"],
        "new": found["base"] is None,
        "psi": found.get("psi"),
        "ks": found.get("ks"),
        "figures": figures,
        "bars": [(*bar, *(round(100 * value / widest, 1) for value in pair)) for bar, pair in zip(bars, shares, strict=True)],
    }
