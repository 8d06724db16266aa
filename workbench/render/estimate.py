"""``wb.estimate``: a figure of the sandbox scaled up to production, with its interval, for whoever looks at a notebook."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError
from workbench.sandbox import session

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import marimo as mo

    from workbench.sandbox.estimate import Estimates, Figure

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate that is computed when it is looked at; ``result()`` gives its figures."""

    expr: ir.Table | ir.Scalar

    def compute(self) -> Estimates:
        """The figures; ``NotEstimable`` where a sample can't tell."""
        from workbench.sandbox.estimate import estimate as compute

        return compute(self.expr, session.current())

    def result(self) -> Estimates:
        """The figures; ``UsageError`` with the reason and the way out where a sample can't tell."""
        from workbench.sandbox.scaled import NotEstimable

        try:
            return self.compute()
        except NotEstimable as error:
            raise UsageError(f"can't be estimated: {error}", hint=error.way_out) from None

    def _display_(self) -> mo.Html:
        import marimo as mo

        return mo.Html(estimate_html(self))

    def __repr__(self) -> str:
        try:
            found = self.result()
        except UsageError as error:
            return f"{error.message}; {error.hint}"
        return "\n".join(f"{_label(found, each)}{each.name} ≈ {' '.join(_words(each))}" for each in found.figures)


def estimate(expr: ir.Table | ir.Scalar) -> Estimate:
    """What a count, sum or mean of the sandbox would be in production, with a 95% interval.

    ``expr`` is an aggregate of sandbox tables, such as ``flights.dep_delay.mean()`` or
    ``flights.group_by("origin").agg(n=ibis._.count())``, also of filtered tables and of tables joined along declared
    references. The interval allows for rows that were chosen together because they belong to one anchor. What a sample can't
    tell, such as a median or a number of distinct values, is not guessed: the result says so.

    An estimate is for looking at. A promotion leaves it out, and refuses an output that depends on it.
    """
    import ibis.expr.types as ir

    if not isinstance(expr, (ir.Table, ir.Scalar)):
        raise UsageError(
            f"wb.estimate takes an aggregate of sandbox tables, not a {type(expr).__name__}",
            hint="for example wb.estimate(flights.dep_delay.mean()), before .execute()",
        )
    return Estimate(expr)


def estimate_html(given: Estimate) -> str:
    """An estimate as a card. Every value is escaped."""
    from workbench.render.card_text import style, template
    from workbench.sandbox.scaled import NotEstimable

    problem = hint = ""
    found = None
    try:
        found = given.compute()
    except NotEstimable as error:
        problem, hint = str(error), error.way_out
    except Exception as error:  # whatever the query raises is shown on the card, not as a traceback in place of it
        problem = f"{type(error).__name__}: {error}".splitlines()[0][:300]
    figures = () if found is None else found.figures
    parts = () if found is None else tuple(_parts(found))
    notes = () if found is None else found.notes
    left = max((part["left"] for part in parts), default=0)
    return template("estimate.html.j2").render(
        css=style(),
        named=given.expr.get_name() if found is None else ", ".join(dict.fromkeys(each.name for each in figures)) + _by(found),
        problem=problem,
        hint=hint,
        by=() if found is None else found.by,
        exact=all(each.exact for each in figures),
        parts=parts,
        notes=(*([f"{left:,} more groups are not shown"] if left else []), *notes),
        sandbox=_sandbox(),
    )


def _by(found: Estimates) -> str:
    return f" by {', '.join(found.by)}" if found.by else ""


def _sandbox() -> str:
    from workbench.sandbox import registry

    path = session.current().path
    info = registry.read(path.parent)
    return path.stem if info is None else f"{info.id}, a sample of {info.sample}"


def _parts(found: Estimates) -> Iterator[dict[str, Any]]:
    """The figures one after another, each with a row a group; without groups, a row each."""
    from workbench.render.card_text import text

    names = list(dict.fromkeys(each.name for each in found.figures))
    for name in names if found.by else [""]:
        figures = [each for each in found.figures if not found.by or each.name == name]
        rows = [
            {
                "labels": [text(label) for label in each.group] or [each.name],
                "words": _words(each),
                "place": _place(each, figures) if found.by else None,
                "sandbox": _number(each.sandbox, None),
                "anchors": f"{each.anchors:,}",
            }
            for each in figures[:SHOWN]
        ]
        yield {"name": name, "rows": rows, "left": max(0, len(figures) - SHOWN)}


def _label(found: Estimates, figure: Figure) -> str:
    return "".join(f"{name} {value}, " for name, value in zip(found.by, figure.group, strict=True))


def _words(figure: Figure) -> tuple[str, str]:
    """The estimate, and its interval: no more digits than the interval makes worth reading."""
    if figure.estimate is None:
        return "NULL", ""
    if figure.exact:
        return _number(figure.estimate, None), "exactly"
    if figure.low is None or figure.high is None:
        return _number(figure.estimate, None), f"from {figure.anchors} anchor{'s' * (figure.anchors != 1)}: too few to say"
    half = (figure.high - figure.low) / 2
    if half <= 1e-9 * abs(figure.estimate):
        return _number(figure.estimate, None), "exactly"  # how many rows a source has is known
    return _number(figure.estimate, half), f"{_number(figure.low, half)} to {_number(figure.high, half)}"


def _number(value: float | None, half: float | None) -> str:
    """A figure with two digits more than the half-width of its interval has before them, or four digits in all.

    >>> _number(19075.4, 1189.6), _number(0.441, 0.0651), _number(1655.0, None)
    ('19,075', '0.441', '1,655')
    """
    if value is None:
        return "NULL"
    scale = half if half else abs(value) / 100
    places = 0 if not scale else max(0, 1 - math.floor(math.log10(scale)))
    return f"{value:,.0f}" if half is None and value == int(value) else f"{value:,.{min(places, 9)}f}"


def _place(figure: Figure, figures: list[Figure]) -> dict[str, str] | None:
    """Where an interval lies between 0, or the lowest end, and the highest end, in percent."""
    ends = [end for each in figures for end in (each.low, each.high) if end is not None]
    if figure.low is None or figure.high is None or figure.estimate is None:
        return None
    low, high = min(0.0, *ends), max(0.0, *ends)
    width = (high - low) or 1.0
    return {
        "left": f"{100 * (figure.low - low) / width:.2f}",
        "width": f"{100 * (figure.high - figure.low) / width:.2f}",
        "point": f"{100 * (figure.estimate - low) / width:.2f}",
    }
