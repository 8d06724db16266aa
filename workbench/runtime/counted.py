"""Checks as SQL of DuckDB, where that says the same as what Ibis compiles: a run need not compile anything for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from workbench.model import Check
from workbench.runtime.duck import identifier, literal

if TYPE_CHECKING:
    import ibis.expr.schema as sch

_INT64 = range(-(2**63), 2**63)


def violations_sql(check: Check, schema: sch.Schema, place: str) -> str | None:
    """An aggregate over ``place``: how many rows break a check; None where only Ibis knows, by rule, column's type or values.

    >>> print(violations_sql(Check("not_null", ("day", "origin")), {}, "t"))
    count(*) FILTER (WHERE "day" IS NULL OR "origin" IS NULL)
    >>> violations_sql(Check("fresh", ("day",), {"within": "1d"}), {}, "t")
    """
    told = _RULES.get(check.rule)
    return None if told is None else told(check, schema, place)


def _not_null(check: Check, *_: Any) -> str:
    return _counted(" OR ".join(f"{identifier(column)} IS NULL" for column in check.columns))


def _unique(check: Check, _: sch.Schema, place: str) -> str:
    # A group is found in less memory than a distinct value, and of NULLs there is one as well.
    columns = ", ".join(map(identifier, check.columns))
    return f"count(*) - (SELECT count(*) FROM (SELECT 1 FROM {place} GROUP BY {columns}))"


def _row_count(check: Check, *_: Any) -> str | None:
    low, high = check.args["at_least"], check.args.get("at_most")
    if not _integers([low, *([] if high is None else [high])]):
        return None
    return f"CAST(count(*) < {low}{'' if high is None else f' OR count(*) > {high}'} AS BIGINT)"


def _between(check: Check, schema: sch.Schema, _: str) -> str | None:
    (name,) = check.columns
    bounds = [check.args["low"], check.args["high"]]
    low, high = (_number(bound) for bound in bounds)
    kind = schema[name]
    if low is None or high is None or not (kind.is_integer() or kind.is_floating()):
        return None
    column = identifier(name)
    return _counted(f"NOT ({column} BETWEEN {low} AND {high})" + (f" OR isnan({column})" if kind.is_floating() else ""))


def _one_of(check: Check, schema: sch.Schema, _: str) -> str | None:
    (name,) = check.columns
    values, kind = list(check.args["values"]), schema[name]
    if kind.is_string() and all(isinstance(value, str) for value in values):
        listed = [literal(value) for value in values]
    elif kind.is_integer() and _integers(values):
        listed = [str(value) for value in values]
    else:
        return None
    return _counted(f"{identifier(name)} NOT IN ({', '.join(listed)})")


def _matches(check: Check, schema: sch.Schema, _: str) -> str | None:
    (name,) = check.columns
    if not schema[name].is_string():
        return None
    return _counted(f"NOT regexp_matches({identifier(name)}, {literal(check.args['pattern'])})")


def _counted(condition: str) -> str:
    return f"count(*) FILTER (WHERE {condition})"


def _integers(values: Sequence[Any]) -> bool:
    return all(type(value) is int and value in _INT64 for value in values)


def _number(value: Any) -> str | None:
    if type(value) is float and math.isfinite(value):
        return f"CAST('{value!r}' AS DOUBLE)"
    return str(value) if _integers([value]) else None


_RULES: dict[str, Callable[[Check, sch.Schema, str], str | None]] = {
    "not_null": _not_null,
    "unique": _unique,
    "row_count": _row_count,
    "between": _between,
    "one_of": _one_of,
    "matches": _matches,
}
