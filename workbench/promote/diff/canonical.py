"""Values as text that DuckDB and PostgreSQL write alike, so that checksums of both can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from workbench.promote.diff.sql import ident

if TYPE_CHECKING:
    import ibis.expr.datatypes as dt


def row_text(names: Sequence[str], own: Mapping[str, dt.DataType], other: Mapping[str, dt.DataType], engine: str) -> str | None:
    """The text of some columns, each with its length before it so that none runs into the next; None where one has none."""
    parts = []
    for name in names:
        text = _text(ident(name), own[name], other[name], engine)
        if text is None:
            return None
        parts.append(f"CASE WHEN {ident(name)} IS NULL THEN '-' ELSE CAST(length({text}) AS VARCHAR(20)) || ':' || {text} END")
    return " || ".join(parts)


def _text(x: str, kind: dt.DataType, other: dt.DataType, engine: str) -> str | None:
    """A value as text that both engines write alike and that no other value of its kind has; None where there is none."""
    if kind.is_boolean():
        return f"CASE WHEN {x} THEN 't' ELSE 'f' END"
    if kind.is_floating():
        # Of another width, the same digits are another value.
        return _float(x, engine) if kind.copy(nullable=True) == other.copy(nullable=True) or not other.is_floating() else None
    if kind.is_decimal():
        return short(f"CAST({x} AS VARCHAR)")
    if kind.is_timestamp() and kind.timezone:
        if engine == "postgres":
            return f"CAST({x} AT TIME ZONE 'UTC' AS VARCHAR)"
        return f"CASE WHEN isfinite({x}) THEN CAST(make_timestamp(epoch_us({x})) AS VARCHAR) ELSE CAST({x} AS VARCHAR) END"
    if kind.is_integer() or kind.is_string() or kind.is_date() or kind.is_timestamp() or kind.is_time() or kind.is_uuid():
        return f"CAST({x} AS VARCHAR)"
    return None


def short(x: str) -> str:
    """A number written in digits without the zeros at its end, as SQL of either engine."""
    return f"CASE WHEN strpos({x}, '.') > 0 THEN rtrim(rtrim({x}, '0'), '.') ELSE {x} END"


def _float(x: str, engine: str) -> str:
    """Sign, digits and exponent of the shortest text: engines agree on the digits, not on where to put the point."""
    special = {"nan": "'NaN'", "inf": "'Infinity'", "-inf": "'-Infinity'"}
    text = f"CAST({x} AS VARCHAR)"
    mantissa = f"ltrim(split_part({text}, 'e', 1), '-')"
    exponent = f"coalesce(CAST(nullif(replace(split_part({text}, 'e', 2), '+', ''), '') AS INTEGER), 0)"
    fraction = f"split_part({mantissa}, '.', 2)"
    digits = f"replace({mantissa}, '.', '')"
    trimmed = f"rtrim({digits}, '0')"
    moved = f"{exponent} - length({fraction}) + length({digits}) - length({trimmed})"
    double = "DOUBLE PRECISION" if engine == "postgres" else "DOUBLE"
    cases = " ".join(f"WHEN {x} = CAST({value} AS {double}) THEN '{name}'" for name, value in special.items())
    return (
        f"CASE {cases} WHEN {x} = 0 THEN '0' ELSE CASE WHEN {x} < 0 THEN '-' ELSE '' END || ltrim({trimmed}, '0') || 'e' || "
        f"CAST({moved} AS VARCHAR(20)) END"
    )
