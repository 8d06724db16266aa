"""The parity of a sandbox as a page of HTML with plots, which needs nothing else and opens anywhere."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Any

from workbench.render.parity import number, says, verdict
from workbench.render.scan import anonymity_line
from workbench.sandbox.compare import ColumnParity
from workbench.sandbox.figures import Figure
from workbench.sandbox.parity import Parity

TONES = {"as expected": "good", "a little off": "off", "differs": "bad"}
WIDTH, HEIGHT = 220, 40
WORDS = (
    ("KS", "Kolmogorov and Smirnov's distance of two distributions of numbers or times: 0 equal, 1 nothing alike"),
    ("TV", "total variation, the same for text: the share of rows that would have to hold another value"),
    ("as expected", "the distance is one that a fair sample of this size stays below in 95 of 100 cases"),
    ("a little off, differs", "it is more than that, within or above the threshold"),
    ("many values", "text of so many values that shares say nothing; NULLs and the number of values are compared"),
    ("token, redact", "masked; NULLs and the number of values are compared"),
    ("whole", "every row of production is in the sandbox"),
    ("support rows", "the table holds only rows that others refer to; joins match, shares and sums mean little"),
    ("complete, thinned", "each row has all its children, or only those that the sample needed"),
    (
        "holds, misses",
        "whether the 95% interval around the estimate holds production's figure; one in twenty misses by chance. What few "
        "anchors contribute to has none",
    ),
    ("clustered by anchor", "rows that were drawn together count as one draw, so that intervals are not too narrow"),
)


def html(parity: Parity) -> str:
    """One page; every text of the data is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = FileSystemLoader(Path(__file__).parent / "templates")
    page = Environment(autoescape=True, trim_blocks=True, loader=templates, undefined=StrictUndefined)
    said = Counter(says(column, parity.threshold) for column in parity.columns)
    words = (*TONES, *sorted(said.keys() - TONES.keys()))
    counts = [(word, f"{said[word]:,}") for word in words if said[word] or word in TONES]
    if parity.figures:
        counts.append(("intervals that hold", f"{sum(each.holds for each in parity.figures)} of {len(parity.figures)}"))
    return page.get_template("parity.html.j2").render(
        parity=parity,
        verdict=verdict(parity),
        counts=counts,
        words=WORDS,
        notes=[*parity.notes, *(anonymity_line(each) for each in parity.anonymity)],
        sources=[(name, list(columns)) for name, columns in groupby(parity.columns, key=lambda each: each.source)],
        figures=[
            (group, [figure for figure in parity.figures if figure.group == group])
            for group in dict.fromkeys(figure.group for figure in parity.figures)
        ],
        plot=_plot,
        bullet=_bullet,
        whisker=_whisker,
        number=number,
        says=lambda each: says(each, parity.threshold),
        tone=lambda word: TONES.get(word, "plain"),
    )


def _plot(column: ColumnParity) -> Any:
    """The shares up to each value for what is ordered, two bars for each value otherwise."""
    if len(column.bins) < 2:
        return ""
    title = f"{column.source}.{column.column}: production and sandbox"
    return _svg(WIDTH, HEIGHT, title, *(_cumulated(column) if column.measure == "KS" else _bars(column)))


def _cumulated(column: ColumnParity) -> list[Any]:
    """Production as a filled step, the sandbox as a line, over the values of the column but for the outermost fiftieths."""
    values = [_place(edge) for edge, _, _ in column.bins]
    inner = [value for value, (_, *shares) in zip(values, column.bins, strict=True) if 0.02 <= shares[0] <= 0.98]
    low, high = (min(inner), max(inner)) if len(set(inner)) > 1 else (values[0], values[-1])
    sides: tuple[list[str], list[str]] = ([], [])
    before = (0.0, 0.0)
    for value, (_, *shares) in zip(values, column.bins, strict=True):
        across = 2 + min(1.0, max(0.0, (value - low) / ((high - low) or 1))) * (WIDTH - 4)
        for points, share, last in zip(sides, shares, before, strict=True):
            points += [f"{across:.1f},{_up(last)}", f"{across:.1f},{_up(share)}"]
        before = (shares[0], shares[1])
    for points, last in zip(sides, before, strict=True):
        points.append(f"{WIDTH - 2},{_up(last)}")
    floor = f"2,{HEIGHT - 2}"
    filled = " ".join([floor, *sides[0], f"{WIDTH - 2},{HEIGHT - 2}"])
    return [
        _markup('<polygon points="{}" style="fill: var(--production)" fill-opacity=".45"/>', filled),
        _markup(
            '<polyline points="{}" fill="none" stroke-width="1.6" style="stroke: var(--sandbox)"/>',
            " ".join([floor, *sides[1]]),
        ),
    ]


def _up(share: float) -> str:
    return f"{HEIGHT - 2 - float(share) * (HEIGHT - 4):.1f}"


def _place(edge: str) -> float:
    """Where a value lies on its axis: numbers as they are, times by the second.

    >>> _place("1970-01-02"), _place("2.5"), _place("1970-01-01 00:01:00")
    (86400.0, 2.5, 60.0)
    """
    try:
        return float(edge)
    except ValueError:
        found = dt.datetime.fromisoformat(edge)
        return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).timestamp()


def _bars(column: ColumnParity) -> list[Any]:
    tallest = max(max(each[1], each[2]) for each in column.bins) or 1
    step = min(WIDTH / len(column.bins), 36.0)
    bar = '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" style="fill: var(--{})"><title>{}</title></rect>'
    return [
        _markup(
            bar, index * step + side * step * 0.42, HEIGHT - tall, step * 0.42, tall, colour, f"{each[0]}: {each[side + 1]:.1%}"
        )
        for index, each in enumerate(column.bins)
        for side, colour in enumerate(("production", "sandbox"))
        for tall in [float(each[side + 1]) / tallest * (HEIGHT - 2)]
    ]


def _bullet(column: ColumnParity) -> Any:
    """The distance as a bar, what noise explains as a tick; a quarter and more fill the width."""
    distance, noise = column.distance or 0.0, column.noise or 0.0
    across = [min(each, 0.25) / 0.25 * 76 for each in (distance, noise)]
    return _svg(
        80, 12, "distance and noise",
        _markup('<rect x="1" y="4" width="{:.1f}" height="4" rx="1" style="fill: var(--sandbox)"/>', max(1.0, across[0])),
        _markup('<line x1="{0:.1f}" x2="{0:.1f}" y1="1" y2="11" style="stroke: var(--faint)"/>', 1 + across[1]),
    )  # fmt: skip


def _whisker(figure: Figure) -> Any:
    """The interval as a line, the estimate as a dot, production as a tick."""
    low, high = min(figure.low, figure.production), max(figure.high, figure.production)
    if high <= low:
        return ""

    def place(value: float) -> float:
        return 4 + (value - low) / (high - low) * 132

    line = '<line x1="{:.1f}" x2="{:.1f}" y1="{}" y2="{}" stroke-width="2" style="stroke: var(--{})"/>'
    production = place(figure.production)
    return _svg(
        140, 20, "interval and production",
        _markup(line, place(figure.low), place(figure.high), 10, 10, "sandbox"),
        _markup(line, production, production, 2, 18, "production"),
        _markup('<circle cx="{:.1f}" cy="10" r="3.5" style="fill: var(--sandbox)"/>', place(figure.estimate)),
    )  # fmt: skip


def _svg(width: int, height: int, title: str, *shapes: Any) -> Any:
    from markupsafe import Markup

    drawing = '<svg role="img" width="{0}" height="{1}" viewBox="0 0 {0} {1}"><title>{2}</title>{3}</svg>'
    return Markup(drawing).format(width, height, title, Markup("").join(shapes))  # noqa: S704  # as below


def _markup(shape: str, *values: Any) -> Any:
    from markupsafe import Markup

    return Markup(shape).format(*values)  # noqa: S704  # shapes are written above; what is filled in is escaped
