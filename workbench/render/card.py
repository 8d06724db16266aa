"""``wb.output`` and ``@wb.model``: the marks of an output, and the contract card that marimo shows above its table.

Marking is cheap: it checks the mark and records it in the session. The card is computed when marimo displays the table,
so a notebook that runs headless never pays for it.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

import ibis.expr.types as ir

from workbench.catalog.writing import problem_of
from workbench.errors import UnknownName, UsageError
from workbench.model import Check, OutputMark, check_mark, check_name
from workbench.runtime.stopping import stopping
from workbench.sandbox import session

if TYPE_CHECKING:
    import marimo as mo

PREVIEW_ROWS = 10_000
_namespaces: dict[str, Mapping[str, Any]] = {}


class OutputTable(ir.Table):  # type: ignore[misc]  # ibis is not typed
    """A marked output. It is the Ibis table that was marked, and shows its contract card in marimo."""

    __slots__ = ()

    def _display_(self) -> mo.Html | ir.Table:
        """What marimo shows: the card, and the table below it."""
        found = next((mark for mark, table in session.current().outputs.values() if table is self), None)
        if found is None:
            return ir.Table(self.op())
        return _display(found, ir.Table(self.op()), _namespaces.get(found.name, {}))


def output(
    name: str,
    expr: ir.Table,
    *,
    key: Sequence[str] = (),
    doc: str = "",
    columns: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    checks: Sequence[Check] = (),
    partition_by: str | None = None,
    strategy: str = "replace",
    allowed_lateness: str | None = None,
) -> OutputTable:
    """Mark a table as an output of the notebook: what ``workbench promote`` takes to production.

    ``key`` names the columns that identify a row, ``columns`` says what columns mean and ``units`` what they are counted in,
    such as ``{"wait": "minutes"}``, ``checks`` are promises such as ``wb.check.between("rate", 0, 1)``, ``partition_by`` is
    the column by which runs replace data. All but ``expr`` are written as literals, because a promotion reads them without
    running the notebook.

    ``strategy`` says how a run's rows meet those that readers have: they ``"replace"`` all of them or a partition's, or by
    ``key`` take the place of those computed again (``"upsert"``) or leave what is there and add the new (``"append"``).
    ``allowed_lateness`` such as ``"3d"`` is how far before its interval a run looks again for rows that came late.

    Raises ``UsageError`` for a name that can't name a pipeline, and ``UnknownName`` for a column that the table lacks.
    """
    said = (dict(columns or {}), tuple(checks), partition_by, dict(units or {}), strategy, allowed_lateness)
    given = OutputMark(name, _names(key), doc, *said)
    return _record(given, expr, sys._getframe(1).f_globals)


@overload
def model(name: Callable[..., ir.Table]) -> Callable[..., OutputTable]: ...
@overload
def model(
    name: str | None = None,
    *,
    key: Sequence[str] = (),
    doc: str = "",
    columns: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    checks: Sequence[Check] = (),
    partition_by: str | None = None,
    strategy: str = "replace",
    allowed_lateness: str | None = None,
) -> Callable[[Callable[..., ir.Table]], Callable[..., OutputTable]]: ...
def model(
    name: str | Callable[..., ir.Table] | None = None,
    *,
    key: Sequence[str] = (),
    doc: str = "",
    columns: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    checks: Sequence[Check] = (),
    partition_by: str | None = None,
    strategy: str = "replace",
    allowed_lateness: str | None = None,
) -> Any:
    """Mark a function whose result is an output; the second form of :func:`output`, also below ``@app.function``.

    The output is named as the function, unless ``name`` says otherwise, and described by its docstring, unless ``doc``
    does. Calling the function marks what it returns, so that the notebook shows the card where it is called::

        @wb.model(key=["day"])
        def daily_departures(flights):
            "Departures of each day."
            return flights.group_by("day").agg(departures=flights.count())

        daily_departures(flights)
    """
    if callable(name):
        return model()(name)

    def mark(function: Callable[..., ir.Table]) -> Callable[..., OutputTable]:
        called = function.__name__ if name is None else name
        check_name("output", called)

        @functools.wraps(function)
        def marked(*args: Any, **kwargs: Any) -> OutputTable:
            told = doc or function.__doc__ or ""
            said = (dict(columns or {}), tuple(checks), partition_by, dict(units or {}), strategy, allowed_lateness)
            given = OutputMark(called, _names(key), told, *said)
            return _record(given, function(*args, **kwargs), function.__globals__)

        return marked

    return mark


def _names(key: Sequence[str]) -> tuple[str, ...]:
    return (key,) if isinstance(key, str) else tuple(key)


@stopping
def _record(given: OutputMark, expr: ir.Table, namespace: Mapping[str, Any]) -> OutputTable:
    name = check_name("output", check_mark("output", given.name, 'wb.output("daily_orders", table)'))
    if not isinstance(expr, ir.Table):
        raise UsageError(
            f"output {name} is a {type(expr).__name__}, not an Ibis table",
            hint="mark the table before .execute() or .to_pandas()",
        )
    mark = replace(given, doc="\n".join(line.strip() for line in given.doc.strip().splitlines()))
    problem = problem_of(mark)
    if problem:
        raise UsageError(f"output {name}: {problem}", hint=f"correct wb.output({name!r}, …)")
    _check_columns(mark, expr.columns)
    table = OutputTable(expr.op())
    session.current().outputs[name] = (mark, table)
    _namespaces[name] = namespace
    return table


def _check_columns(mark: OutputMark, known: Sequence[str]) -> None:
    partition = () if mark.partition_by is None else (mark.partition_by,)
    named = [("key=", mark.key), ("columns=", mark.columns), ("units=", mark.units), ("partition_by=", partition)]
    named += [(f"the check {check}", check.columns) for check in mark.checks]
    for what, columns in named:
        for column in columns:
            if column not in known:
                raise UnknownName.of(
                    f"column of output {mark.name}", column, known, hint=f"correct {what} of wb.output({mark.name!r}, …)"
                )


def _display(mark: OutputMark, expr: ir.Table, namespace: Mapping[str, Any]) -> mo.Html:
    import marimo as mo

    from workbench.render.card_facts import gather
    from workbench.render.card_html import card_html

    try:
        # Computed once; card and preview read the copy, which goes when they are done.
        table: ir.Table | None = expr.cache()
        failed = ""
    except Exception as error:  # whatever the query raises is shown on the card, not as a traceback in place of it
        table, failed = None, f"{type(error).__name__}: {error}"
    card = mo.Html(card_html(gather(mark, expr, table, failed, namespace)))
    if table is None:
        return card
    rows = table.order_by(list(mark.key)) if mark.key else table
    preview = mo.ui.table(rows.limit(PREVIEW_ROWS).to_pyarrow(), selection=None, page_size=5, label=f"Rows of {mark.name}")
    return mo.vstack([card, preview], gap=0.5)
