"""A comparison as one HTML file that works offline, in light and dark, on a phone, and without scripts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.promote.diff.result import TableDiff
from workbench.render.diff import changed_names, moved, schema_lines, share, summary
from workbench.render.diff_chart import chart, steps
from workbench.render.grid import clean

if TYPE_CHECKING:
    from markupsafe import Markup

_NUMBER = re.compile(r"[-+]?[0-9][0-9,]*(\.[0-9]+)?([eE][-+]?[0-9]+)?%?")


def html(diff: TableDiff, *, title: str, note: str = "") -> str:
    """One comparison as one self-contained page; equal comparisons give equal bytes."""
    return html_report([("", note, diff)], title=title)


def html_report(sections: Sequence[tuple[str, str, TableDiff]], title: str) -> str:
    """Several comparisons apart, each a (heading, note, comparison), as one self-contained page.

    Every value is escaped; one that a spreadsheet would take for a formula gets an apostrophe before it, so that it stays text
    when cells are copied. The page loads nothing, and holds no time and no path.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"clean": clean, "cell": cell}
    names = list(dict.fromkeys(name for _, _, diff in sections for name in _names(diff)))
    numbers = {name: i for i, name in enumerate(names)}
    page = environment.get_template("diff.html.j2")
    shown = [_section(*section, numbers) for section in sections]
    return page.render(title=title, names=names, numbers=numbers, sections=shown) + "\n"


def cell(value: Any, width: int = 200) -> Markup:
    """A value of a table, escaped; text that a spreadsheet would compute stays text.

    >>> cell("=1+1"), cell("-12.50"), cell(None), cell("<b>")
    (Markup('<i>&#39;</i>=1+1'), Markup('-12.50'), Markup('<em>NULL</em>'), Markup('&lt;b&gt;'))
    """
    from markupsafe import Markup, escape

    if value is None:
        return Markup("<em>NULL</em>")
    text = clean(value, width)
    quoted = text.lstrip()[:1] in tuple("=+-@＝＋－＠") and not _NUMBER.fullmatch(text)
    return Markup("<i>&#39;</i>") + escape(text) if quoted else escape(text)


def _names(diff: TableDiff) -> list[str]:
    """The columns that something on the page is about."""
    return [*diff.columns, *(name for name in diff.schema.added if name not in diff.columns)]


def _section(heading: str, note: str, diff: TableDiff, numbers: dict[str, int]) -> dict[str, Any]:
    rows = diff.rows
    both = rows.changed + rows.unchanged
    every = max(rows.added + rows.removed + both, 1)
    columns = sorted(diff.columns.items(), key=lambda item: -item[1].changed)
    return {
        "heading": heading,
        "note": note,
        "diff": diff,
        "summary": summary(diff).replace("->", "→"),
        "parts": [
            (kind, getattr(rows, kind), share(getattr(rows, kind), every), round(100 * getattr(rows, kind) / every, 3))
            for kind in ("unchanged", "changed", "added", "removed")
        ],
        "schema": [(line[0], line[2:].replace("->", "→")) for line in schema_lines(diff)],
        "columns": [
            {
                "name": name,
                "changed": f"{column.changed:,}",
                "share": share(column.changed, both),
                "width": round(100 * column.share, 2),
                "moved": moved(diff.distributions.get(name, {})).replace("->", "→"),
            }
            for name, column in columns
        ],
        "largest": [(name, steps(diff.largest[name])) for name, _ in columns if diff.largest.get(name)],
        "charts": [chart(name, found) for name, found in diff.distributions.items()],
        "drifts": any("psi" in found for found in diff.distributions.values()),
        "changed_names": changed_names(diff.samples.changed),
        "differing": [" ".join(str(numbers[name]) for name in row.columns) for row in diff.samples.changed],
    }
