"""Checks: promises about the data of an output, written in the notebook as ``wb.check.between("rate", 0, 1)``.

Rows that break a check with ``on_failure="quarantine"`` are held back, and the run goes on with the others.

The constructors take literals only, so that a promotion can read them without running the notebook. All checks of a table
are counted in one aggregate query, pushed to the engine that holds the data; rows that break one are fetched only for those
that do.

NULL passes ``between``, ``one_of`` and ``matches``: whether a column may be NULL is what ``not_null`` says. NaN never lies
between two numbers.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workbench.errors import UnknownName, UsageError
from workbench.model import Check, CheckResult

if TYPE_CHECKING:
    import ibis.expr.types as ir

Bound = int | float | dt.date | dt.datetime
RULES = ("not_null", "unique", "between", "one_of", "matches", "row_count")


def not_null(*columns: str, on_failure: str = "fail") -> Check:
    """None of the columns is NULL in any row.

    >>> str(not_null("day", "origin"))
    'not_null(day, origin)'
    """
    return Check("not_null", _some(columns, "not_null"), on_failure=_known(on_failure))


def unique(*columns: str, on_failure: str = "fail") -> Check:
    """No two rows agree in all of the columns; NULLs count as equal."""
    return Check("unique", _some(columns, "unique"), on_failure=_known(on_failure))


def between(column: str, low: Bound, high: Bound, *, on_failure: str = "fail") -> Check:
    """The column lies from ``low`` to ``high``, both included.

    >>> str(between("rate", 0, 1))
    'between(rate, low=0, high=1)'
    """
    if high < low:  # type: ignore[operator]  # numbers with numbers, dates with dates: anything else is the caller's TypeError
        raise UsageError(f"check between({column!r}, {low}, {high}): nothing lies there", hint="swap the two bounds")
    return Check("between", (column,), {"low": low, "high": high}, _known(on_failure))


def one_of(column: str, values: Sequence[Any], *, on_failure: str = "fail") -> Check:
    """The column holds one of the values."""
    if not values:
        raise UsageError(f"check one_of({column!r}, []): no value is allowed", hint="name at least one value")
    return Check("one_of", (column,), {"values": list(values)}, _known(on_failure))


def matches(column: str, pattern: str, *, on_failure: str = "fail") -> Check:
    """The text of the column contains a match of the regular expression; anchor it with ``^`` and ``$``."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise UsageError(f"check matches({column!r}, {pattern!r}): {error}", hint="correct the regular expression") from None
    return Check("matches", (column,), {"pattern": pattern}, _known(on_failure))


def row_count(at_least: int = 1, at_most: int | None = None) -> Check:
    """The table has at least and at most so many rows."""
    return Check("row_count", (), {"at_least": at_least} | ({} if at_most is None else {"at_most": at_most}))


def _known(on_failure: str) -> str:
    if on_failure not in ("fail", "quarantine"):
        raise UsageError(
            f"on_failure={on_failure!r} is neither 'fail' nor 'quarantine'", hint="leave it out to let the run fail"
        )
    return on_failure


def _some(columns: tuple[str, ...], rule: str) -> tuple[str, ...]:
    if not columns:
        raise UsageError(f"check {rule}() names no column", hint=f'for example wb.check.{rule}("day")')
    return columns


def build(rule: str, *args: Any, **kwargs: Any) -> Check:
    """The check that a call ``wb.check.RULE(...)`` with these literals makes."""
    if rule not in RULES:
        raise UnknownName.of("check", rule, RULES)
    constructors = {f.__name__: f for f in (not_null, unique, between, one_of, matches, row_count)}
    try:
        check: Check = constructors[rule](*args, **kwargs)
    except TypeError as error:
        raise UsageError(f"wb.check.{rule}: {error}", hint="see docs/concepts.md, Checks") from None
    return check


def evaluate(table: ir.Table, checks: Sequence[Check], *, examples: int = 3) -> tuple[CheckResult, ...]:
    """How each check fares on a table, in the order given.

    Raises ``UnknownName`` when a check names a column that the table lacks.
    """
    for check in checks:
        for column in check.columns:
            if column not in table.columns:
                raise UnknownName.of("column", column, table.columns, hint=f"correct the check {check}")
    counted = {f"c{i}": _violations(table, check) for i, check in enumerate(checks)}
    if not counted:
        return ()
    row = _row(table.aggregate(**counted))
    results = []
    for i, check in enumerate(checks):
        count = int(row[f"c{i}"] or 0)
        shown: tuple[dict[str, Any], ...] = ()
        if count and examples and check.rule != "row_count":
            broken = _broken(table, check)
            shown = tuple(broken.order_by(list(check.columns)).limit(examples).to_pyarrow().to_pylist())
        results.append(CheckResult(check, count, shown))
    return tuple(results)


def _row(table: ir.Table) -> dict[str, Any]:
    """The one row of a table."""
    import ibis.expr.operations as ops

    backend: Any = table.get_backend()
    if backend.name != "duckdb" or table.op().find((ops.InMemoryTable, ops.ScalarUDF, ops.AggUDF)):
        found: dict[str, Any] = table.to_pyarrow().to_pylist()[0]
        return found
    # The same, without pandas, which Ibis imports on its way to Arrow.
    counted = backend.con.sql(backend.compile(table))
    return dict(zip(counted.columns, counted.fetchall()[0], strict=True))


def _violations(table: ir.Table, check: Check) -> ir.Value:
    """An aggregate: how many rows break the check."""
    import ibis

    if check.rule == "row_count":
        low, high = check.args["at_least"], check.args.get("at_most")
        count = table.count()
        off = count < low if high is None else (count < low) | (count > high)
        return off.cast("int64")
    if check.rule == "unique":
        columns = [table[column] for column in check.columns]
        # A struct keeps NULLs apart from values, which count(distinct a, b) would drop.
        whole = ibis.struct({f"f{i}": column for i, column in enumerate(columns)})
        return table.count() - whole.nunique()
    return _breaks(table, check).fill_null(False).sum()


def breaks(table: ir.Table, wanted: Sequence[Check]) -> ir.BooleanValue:
    """Whether a row breaks one of these checks; every copy of a row that is not unique does."""
    import ibis

    found: ir.BooleanValue = ibis.literal(False)
    for check in wanted:
        if check.rule == "unique":
            broken = ibis._.count().over(group_by=list(check.columns)) > 1
        else:
            broken = _breaks(table, check).fill_null(False)
        found = broken | found
    return found


def _breaks(table: ir.Table, check: Check) -> ir.BooleanValue:
    if check.rule == "not_null":
        broken = table[check.columns[0]].isnull()
        for column in check.columns[1:]:
            broken = broken | table[column].isnull()
        return broken
    value = table[check.columns[0]]
    match check.rule:
        case "between":
            outside: ir.BooleanValue = ~value.between(check.args["low"], check.args["high"])
            return outside | value.isnan() if value.type().is_floating() else outside
        case "one_of":
            return value.notin(check.args["values"])
        case "matches":
            return ~value.cast("string").re_search(check.args["pattern"])
    raise UnknownName.of("check", check.rule, RULES)


def _broken(table: ir.Table, check: Check) -> ir.Table:
    if check.rule == "unique":
        import ibis

        columns = list(check.columns)
        counted = table.mutate(_copies=ibis._.count().over(group_by=columns)) if columns else table
        return counted.filter(counted["_copies"] > 1).drop("_copies")
    return table.filter(_breaks(table, check))
