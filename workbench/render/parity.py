"""The parity of a sandbox as JSON, for the terminal, and as a page of HTML with plots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

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
        f"{worst.source}.{worst.column} differs by {worst.excess:.3f} more than sampling noise explains "
        f"({'within' if parity.ok else 'above'} the threshold of {parity.threshold:g}){intervals}"
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"


def _says(column: ColumnParity, threshold: float) -> str:
    if column.distance is None:
        return column.measure or "not compared"
    if not column.counts:
        return "whole" if column.distance == 0 else "support rows"
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

    columns = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("column", "measure", "distance", "noise", "NULL", "in sandbox", "values", "in sandbox", ""):
        columns.add_column(heading, justify="left" if heading in ("column", "measure", "") else "right")
    for each in parity.columns:
        columns.add_row(
            f"{escape(each.source)}.{escape(each.column)}", each.measure,
            "" if each.distance is None else f"{each.distance:.3f}", "" if each.noise is None else f"{each.noise:.3f}",
            f"{each.nulls[0]:.1%}", f"{each.nulls[1]:.1%}", f"{each.distinct[0]:,}", f"{each.distinct[1]:,}",
            _says(each, parity.threshold),
        )  # fmt: skip
    parts: list[RenderableType] = [columns]
    if parity.fan_outs:
        fans = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for heading in ("rows for each row referred to", "production", "sandbox", ""):
            fans.add_column(heading, justify="right" if heading in ("production", "sandbox") else "left")
        for fan in parity.fan_outs:
            name = f"{escape(fan.child)}({escape(', '.join(fan.columns))}) for each of {escape(fan.parent)}"
            fans.add_row(name, f"{fan.production:,.2f}", f"{fan.sandbox:,.2f}", "complete" if fan.complete else "thinned")
        parts += ["", fans]
    if parity.figures:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for heading in ("figure", "production", "estimate", "95% interval", ""):
            table.add_column(heading, justify="left" if heading in ("figure", "") else "right")
        for figure in _shown(parity.figures):
            name = f"{figure.source}: {figure.figure}{' where ' + figure.group if figure.group else ''}"
            span = f"{_number(figure.low)} .. {_number(figure.high)}"
            table.add_row(
                escape(name), _number(figure.production), _number(figure.estimate), span, "" if figure.holds else "misses"
            )
        parts += ["", table]
    said = [*(anonymity_line(each) for each in parity.anonymity), *parity.notes, verdict(parity)]
    parts += ["", *(escape(line) for line in said)]
    return Group(*parts)


_PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Parity of sandbox {{ parity.sandbox }}</title>
<style>
  :root { color-scheme: light dark; --line: #8884; --production: #888; --sandbox: #2a7de1; --bad: #c0392b; }
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
  table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; font-variant-numeric: tabular-nums; }
  th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
  th:first-child, td:first-child, td.text { text-align: left; }
  .differs, .misses { color: var(--bad); font-weight: 600; }
  svg { vertical-align: middle; } .verdict { font-size: 1.15rem; }
  .key i { display: inline-block; width: 1.2rem; height: .2rem; margin: 0 .3rem .2rem 1rem; }
</style></head><body>
<h1>Parity of sandbox {{ parity.sandbox }}</h1>
<p class="verdict">{{ verdict }}.</p>
{% for note in notes %}<p>{{ note }}.</p>{% endfor %}
<p class="key"><i style="background: var(--production)"></i>production <i style="background: var(--sandbox)"></i>sandbox</p>
<h2>Columns</h2>
<table><thead><tr><th scope="col">column<th scope="col">shape<th scope="col">distance<th scope="col">noise<th scope="col">NULL
<th scope="col">in sandbox<th scope="col">values<th scope="col">in sandbox<th scope="col"></tr></thead><tbody>
{% for each in parity.columns %}<tr><td>{{ each.source }}.{{ each.column }}</td><td class="text">{{ plot(each) }}</td>
<td>{{ "%.3f" % each.distance if each.distance is not none else "" }}</td>
<td>{{ "%.3f" % each.noise if each.noise is not none else "" }}</td>
<td>{{ "%.1f%%" % (each.nulls[0] * 100) }}</td>
<td>{{ "%.1f%%" % (each.nulls[1] * 100) }}</td>
<td>{{ "{:,}".format(each.distinct[0]) }}</td><td>{{ "{:,}".format(each.distinct[1]) }}</td>
<td class="{{ says(each) }}">{{ says(each) }}</td></tr>
{% endfor %}</tbody></table>
{% if parity.fan_outs %}<h2>Joins: rows for each row referred to</h2>
<table><thead><tr><th scope="col">reference<th scope="col">production<th scope="col">sandbox<th scope="col"></tr></thead><tbody>
{% for fan in parity.fan_outs %}<tr><td>{{ fan.child }}({{ fan.columns | join(", ") }}) &rarr; {{ fan.parent }}</td>
<td>{{ "{:,.2f}".format(fan.production) }}</td><td>{{ "{:,.2f}".format(fan.sandbox) }}</td>
<td>{{ "complete" if fan.complete else "thinned" }}</td></tr>
{% endfor %}</tbody></table>{% endif %}
{% if parity.figures %}<h2>Figures, with 95% intervals clustered by anchor</h2>
<table><thead><tr><th scope="col">figure<th scope="col">production<th scope="col">estimate
<th scope="col">interval<th scope="col"><th scope="col"></tr></thead><tbody>
{% for figure in parity.figures %}<tr>
<td>{{ figure.source }}: {{ figure.figure }}{{ " where " ~ figure.group if figure.group else "" }}</td>
<td>{{ number(figure.production) }}</td><td>{{ number(figure.estimate) }}</td>
<td>{{ number(figure.low) }} .. {{ number(figure.high) }}</td><td>{{ whisker(figure) }}</td>
<td class="misses">{{ "" if figure.holds else "misses" }}</td></tr>
{% endfor %}</tbody></table>{% endif %}
</body></html>
"""


def html(parity: Parity) -> str:
    """One page that needs nothing else; every text of the data is escaped."""
    from jinja2 import Environment

    page = Environment(autoescape=True, trim_blocks=True).from_string(_PAGE)
    return page.render(
        parity=parity,
        verdict=verdict(parity),
        notes=[*parity.notes, *(anonymity_line(each) for each in parity.anonymity)],
        plot=_plot,
        whisker=_whisker,
        number=_number,
        says=lambda each: _says(each, parity.threshold),
    )


def _plot(column: ColumnParity) -> Any:
    """Two lines of cumulated shares for what is ordered, two bars for each value otherwise."""
    from markupsafe import Markup

    if len(column.bins) < 2:
        return ""
    width, height, count = 220, 44, len(column.bins)
    title = f"{column.source}.{column.column}: production and sandbox"
    shapes = []
    if column.measure == "KS":
        for side, colour in ((1, "production"), (2, "sandbox")):
            points = " ".join(
                f"{2 + index * (width - 4) / (count - 1):.1f},{height - 2 - float(each[side]) * (height - 4):.1f}"
                for index, each in enumerate(column.bins)
            )
            shapes.append(
                Markup('<polyline fill="none" stroke-width="1.6" style="stroke: var(--{})" points="{}"/>').format(
                    colour, points
                )
            )
    else:
        tallest = max(max(each[1], each[2]) for each in column.bins) or 1
        step = width / count
        for index, each in enumerate(column.bins):
            for side, colour in ((1, "production"), (2, "sandbox")):
                tall = float(each[side]) / tallest * (height - 2)
                left = index * step + (side - 1) * step * 0.42
                shapes.append(
                    Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" style="fill: var(--{})"/>').format(
                        left, height - tall, step * 0.42, tall, colour
                    )
                )
    return Markup('<svg role="img" width="{0}" height="{1}" viewBox="0 0 {0} {1}"><title>{2}</title>{3}</svg>').format(
        width, height, title, Markup("").join(shapes)
    )


def _whisker(figure: Figure) -> Any:
    """The interval as a line, the estimate as a dot, production as a tick."""
    from markupsafe import Markup

    low, high = min(figure.low, figure.production), max(figure.high, figure.production)
    if high <= low:
        return ""

    def place(value: float) -> float:
        return 4 + (value - low) / (high - low) * 132

    production = place(figure.production)
    return Markup("""<svg role="img" width="140" height="20" viewBox="0 0 140 20"><title>interval and production</title>
<line x1="{:.1f}" x2="{:.1f}" y1="10" y2="10" style="stroke: var(--sandbox)" stroke-width="2"/>
<line x1="{:.1f}" x2="{:.1f}" y1="2" y2="18" style="stroke: var(--production)" stroke-width="2"/>
<circle cx="{:.1f}" cy="10" r="3.5" style="fill: var(--sandbox)"/></svg>""").format(
        place(figure.low), place(figure.high), production, production, place(figure.estimate)
    )
