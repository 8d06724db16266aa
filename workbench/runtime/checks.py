"""Checks: promises about the data of an output, written in the notebook as ``wb.check.between("rate", 0, 1)``.

Rows that break a check with ``on_failure="quarantine"`` are held back, and the run goes on with the others.

The constructors take literals only, so that a promotion can read them without running the notebook. Checks of a table are
counted in one aggregate query, or two, where the data is; rows that break one are fetched only for those
that do.

NULL passes ``between``, ``one_of`` and ``matches``: whether a column may be NULL is what ``not_null`` says. NaN never lies
between two numbers.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.errors import UnknownName, UsageError
from workbench.model import Check, CheckResult
from workbench.runtime.distant import narrowed
from workbench.settings import parse_duration

if TYPE_CHECKING:
    import ibis.expr.types as ir

Bound = int | float | dt.date | dt.datetime
Others = Callable[[str], "ir.Table"]
# What Python's regular expressions can do and those of engines (RE2) can't: look around, and refer back.
_BEYOND_RE2 = re.compile(r"(?<!\\)(?:\\\\)*(?:\(\?(?:[=!]|<[=!]|P=)|\\[1-9])")
RULES = ("not_null", "unique", "between", "one_of", "matches", "holds", "references", "fresh", "row_count")


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
    if _BEYOND_RE2.search(pattern):
        raise UsageError(
            f"check matches({column!r}, {pattern!r}): engines match in one pass, without looking around or back",
            hint='write it as wb.check.holds("…"), or match less',
        )
    return Check("matches", (column,), {"pattern": pattern}, _known(on_failure))


def holds(predicate: str, *, on_failure: str = "fail") -> Check:
    """A condition holds in every row: the text of an Ibis expression over ``_``, such as ``"_.late <= _.departures"``.

    What it may say is listed in ``workbench.runtime.predicate``. A row for which it is NULL passes.

    >>> holds("_.late <= _.departures").columns
    ('late', 'departures')
    """
    from workbench.runtime.predicate import columns_of

    return Check("holds", columns_of(predicate), {"predicate": predicate}, _known(on_failure))


def references(column: str, table: str, key: str) -> Check:
    """Each value of the column stands in the column ``key`` of ``table``, a source or a pipeline; NULL refers to nothing.

    >>> str(references("origin", "airports", "faa"))
    'references(origin, table=airports, key=faa)'
    """
    return Check("references", (column,), {"table": table, "key": key})


def fresh(column: str, within: str) -> Check:
    """The newest value of the column, a date or a moment, is at most so old, such as ``"2d"``, when a run ends or at the end of
    its interval. A date counts from its end; a table without values is not fresh.
    """
    parse_duration(within)
    return Check("fresh", (column,), {"within": within})


def row_count(at_least: int = 1, at_most: int | None = None) -> Check:
    """The table has at least and at most so many rows.

    >>> row_count(10, 5)
    Traceback (most recent call last):
    ...
    workbench.errors.UsageError: check row_count(10, 5): no number of rows is at least 10 and at most 5
    """
    bounds = (at_least,) if at_most is None else (at_least, at_most)
    if any(isinstance(bound, bool) or not isinstance(bound, int) or bound < 0 for bound in bounds):
        said = ", ".join(map(repr, bounds))
        raise UsageError(f"check row_count({said}): rows are counted from 0 on", hint="for example wb.check.row_count(1, 1000)")
    if at_most is not None and at_most < at_least:
        said = f"no number of rows is at least {at_least} and at most {at_most}"
        raise UsageError(f"check row_count({at_least}, {at_most}): {said}", hint="swap the two bounds")
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
    every = (not_null, unique, between, one_of, matches, holds, references, fresh, row_count)
    constructors: dict[str, Callable[..., Check]] = {f.__name__: f for f in every}
    try:
        return constructors[rule](*args, **kwargs)
    except TypeError as error:
        raise UsageError(f"wb.check.{rule}: {error}", hint=f"in Python: help(wb.check.{rule})") from None


def evaluate(
    table: ir.Table,
    checks: Sequence[Check],
    *,
    examples: int = 3,
    others: Others | None = None,
    now: dt.datetime | None = None,
) -> tuple[CheckResult, ...]:
    """How each check fares on a table, in the order given.

    ``others`` finds the table that a column refers to, in the session of ``table``; ``now`` is the moment by which freshness
    is told, else the present one. Raises ``UnknownName`` when a check names a column that a table lacks.
    """
    for check in checks:
        for column in check.columns:
            if column not in table.columns:
                raise UnknownName.of("column", column, table.columns, hint=f"correct the check {check}")
    if not checks:
        return ()
    there = {str(check): _referred(check, others) for check in checks if check.rule == "references"}
    row = _counts(table, checks, there, now or dt.datetime.now(dt.UTC))
    results = []
    for i, check in enumerate(checks):
        count = int(row[f"c{i}"] or 0)
        shown: tuple[dict[str, Any], ...] = ()
        if count and examples and check.rule not in ("row_count", "fresh"):
            broken = _broken(table, check, there)
            shown = tuple(broken.order_by(list(check.columns)).limit(examples).to_pyarrow().to_pylist())
        results.append(CheckResult(check, count, shown))
    return tuple(results)


def _counts(table: ir.Table, checks: Sequence[Check], there: Mapping[str, ir.Table], now: dt.datetime) -> dict[str, Any]:
    """How many rows break each check, by ``c`` and its place among them."""
    import ibis.expr.operations as ops

    from workbench.runtime.counted import violations_sql
    from workbench.runtime.duck import place_of, rows

    backend: Any = table.get_backend()
    ours = backend.name == "duckdb" and type(table.op()) is ops.DatabaseTable  # a table or a view, not what is computed
    place = place_of(table) if ours else ""
    told = {f"c{i}": violations_sql(check, table.schema(), place) if ours else None for i, check in enumerate(checks)}
    known = {name: sql for name, sql in told.items() if sql is not None}
    left = {f"c{i}": _violations(table, check, there, now) for i, check in enumerate(checks) if told[f"c{i}"] is None}
    found = _row(table.aggregate(**left)) if left else {}
    if known:
        (counted,) = rows(backend.con, f"SELECT {', '.join(known.values())} FROM {place}")
        found |= dict(zip(known, counted, strict=True))
    return found


def _row(table: ir.Table) -> dict[str, Any]:
    """The one row of a table."""
    import ibis.expr.operations as ops

    backend: Any = table.get_backend()
    if backend.name != "duckdb" or table.op().find((ops.InMemoryTable, ops.ScalarUDF, ops.AggUDF)):
        found: dict[str, Any] = table.to_pyarrow().to_pylist()[0]
        return found
    # The same, without pandas, which Ibis imports on its way to Arrow.
    counted = backend.con.execute(backend.compile(table))
    names = [column[0] for column in counted.description]
    return dict(zip(names, counted.fetchall()[0], strict=True))


def _referred(check: Check, others: Others | None) -> ir.Table:
    """The values that a column may have, each once."""
    name, key = check.args["table"], check.args["key"]
    if others is None:
        raise UsageError(f"check {check}: {name} can't be read here", hint="workbench contract check")
    table = others(name)
    if key not in table.columns:
        raise UnknownName.of(f"column of {name}", key, table.columns, hint=f"correct the check {check}")
    return narrowed(table.filter(table[key].notnull()).select(key).distinct())


def _violations(table: ir.Table, check: Check, there: Mapping[str, ir.Table], now: dt.datetime) -> ir.Value:
    """An aggregate: how many rows break the check; of a table as a whole 1 when it does."""
    import ibis

    if check.rule == "references":
        return _unknown(table, check, there).sum()
    if check.rule == "fresh":
        column = table[check.columns[0]]
        if not (column.type().is_date() or column.type().is_timestamp()):
            raise UsageError(
                f"check {check}: {check.columns[0]} is {column.type()}, no date or timestamp", hint="correct the check"
            )
        oldest = now.astimezone(dt.UTC) - dt.timedelta(seconds=parse_duration(check.args["within"]))
        if column.type().is_date():
            fresh_one = column >= ibis.literal(oldest.date())
        else:
            fresh_one = column >= ibis.literal(oldest if column.type().timezone else oldest.replace(tzinfo=None))
        return (fresh_one.fill_null(False).sum().fill_null(0) == 0).cast("int64")
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
    if check.rule == "holds":
        from workbench.runtime.predicate import build as condition

        return ~condition(check.args["predicate"], table)
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


def _unknown(table: ir.Table, check: Check, there: Mapping[str, ir.Table]) -> ir.BooleanValue:
    """Whether the value of a row's column is not among those that it may refer to."""
    column, other = table[check.columns[0]], there[str(check)]
    found: ir.BooleanValue = column.notnull() & column.notin(other[check.args["key"]])
    return found


def _broken(table: ir.Table, check: Check, there: Mapping[str, ir.Table]) -> ir.Table:
    if check.rule == "references":
        return table.filter(_unknown(table, check, there))
    if check.rule == "unique":
        import ibis

        columns = list(check.columns)
        counted = table.mutate(_copies=ibis._.count().over(group_by=columns)) if columns else table
        return counted.filter(counted["_copies"] > 1).drop("_copies")
    return table.filter(_breaks(table, check))
