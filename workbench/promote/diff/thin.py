"""Two engines over a thin link: checksums of buckets travel first, then just the rows of the buckets that differ.

Each engine writes the columns that both tables have in one canonical text and sums its md5 for each bucket of keys. Equal texts
mean equal values, so equal sums mean equal rows, but for chance (60 bits a row); unequal texts prove nothing and only cost the
transfer of a bucket, whose rows are then compared as ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.promote.diff.sql import ident, listing

if TYPE_CHECKING:
    import ibis.expr.datatypes as dt
    import ibis.expr.types as ir

ENGINES = ("duckdb", "postgres")
# Hexadecimal digits of the hash that make a bucket, and those that are summed: 60 bits fit into a BIGINT.
_FEWEST, _MOST = 1, 4
_ROWS_OF_A_BUCKET = 200
_SUMMED = 15


@dataclass(frozen=True, slots=True)
class Thinned:
    """The rows in buckets that differ, and how many rows lie in those that do not."""

    base: ir.Table
    candidate: ir.Table
    shared: int


def thinned(base: ir.Table, candidate: ir.Table, key: Sequence[str]) -> Thinned | None:
    """Leave out what equal checksums prove equal; None where the engines or types have no common text.

    What is left of each table is a query that runs where the table is.
    """
    tables = (base, candidate)
    names = [name for name in base.columns if name in candidate.columns]
    if not names or not set(key) <= set(names):
        return None
    if any(table.get_backend().name not in ENGINES for table in tables):
        return None
    rows = [_row(table, candidate if table is base else base, names) for table in tables]
    keys = [_row(table, candidate if table is base else base, key or names) for table in tables]
    if None in (*rows, *keys):
        return None
    (count,) = base.aggregate(n=base.count()).to_pyarrow()["n"].to_pylist()
    digits = max(_FEWEST, min(_MOST, (count // _ROWS_OF_A_BUCKET).bit_length() // 4))
    sums = [_sums(table, str(k), str(row), digits) for table, k, row in zip(tables, keys, rows, strict=True)]
    equal = {bucket for bucket, found in sums[0].items() if sums[1].get(bucket) == found}
    shared = sum(sums[0][bucket][0] for bucket in equal)
    left = [
        _within(table, str(k), digits, sorted((sums[0].keys() | sums[1].keys()) - equal))
        for table, k in zip(tables, keys, strict=True)
    ]
    return Thinned(left[0], left[1], shared)


def _sums(table: ir.Table, key: str, row: str, digits: int) -> dict[str, tuple[int, int]]:
    backend: Any = table.get_backend()
    first = f"substr(md5({row}), 1, {_SUMMED})"
    number = f"('x' || {first})::bit(60)::bigint" if backend.name == "postgres" else f"CAST('0x' || {first} AS BIGINT)"
    query = (
        f"SELECT substr(md5({key}), 1, {digits}) AS bucket, count(*) AS n, CAST(sum({number}) AS VARCHAR(40)) AS total "
        f"FROM ({backend.compile(table)}) AS t GROUP BY 1"
    )
    if backend.name == "duckdb":
        found = backend.con.execute(query).fetchall()
    else:
        with backend.raw_sql(query) as cursor:
            found = cursor.fetchall()
    return {bucket: (int(n), int(total)) for bucket, n, total in found}


def _within(table: ir.Table, key: str, digits: int, buckets: Sequence[str]) -> ir.Table:
    backend: Any = table.get_backend()
    chosen = listing(f"'{bucket}'" for bucket in buckets) or "NULL"
    query = f"SELECT * FROM ({backend.compile(table)}) AS t WHERE substr(md5({key}), 1, {digits}) IN ({chosen})"
    return backend.sql(query, schema=table.schema())


def _row(table: ir.Table, other: ir.Table, names: Sequence[str]) -> str | None:
    """The canonical text of some columns, each with its length before it so that none runs into the next."""
    engine = table.get_backend().name
    parts = []
    for name in names:
        text = _text(ident(name), table.schema()[name], other.schema()[name], engine)
        if text is None:
            return None
        parts.append(f"CASE WHEN {ident(name)} IS NULL THEN '-' ELSE CAST(length({text}) AS VARCHAR(20)) || ':' || {text} END")
    return " || ".join(parts)


def _text(x: str, kind: dt.DataType, other: dt.DataType, engine: str) -> str | None:
    """A value as text that both engines write alike and that no other value of its kind has; None where there is none."""
    if kind.is_boolean():
        return f"CASE WHEN {x} THEN 't' ELSE 'f' END"
    if kind.is_floating():
        return _float(x, engine)
    if kind.is_decimal():
        scales = [each.scale for each in (kind, other) if each.is_decimal()]
        if None in scales:
            return None
        return f"CAST(CAST({x} AS DECIMAL(38, {max(scales)})) AS VARCHAR)"
    if kind.is_timestamp() and kind.timezone:
        if engine == "postgres":
            return f"CAST({x} AT TIME ZONE 'UTC' AS VARCHAR)"
        return f"CASE WHEN isfinite({x}) THEN CAST(make_timestamp(epoch_us({x})) AS VARCHAR) ELSE CAST({x} AS VARCHAR) END"
    if kind.is_integer() or kind.is_string() or kind.is_date() or kind.is_timestamp() or kind.is_time() or kind.is_uuid():
        return f"CAST({x} AS VARCHAR)"
    return None


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
