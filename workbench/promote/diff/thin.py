"""A thin link: checksums travel first, then just the rows in doubt.

Two engines write the columns that both tables have in one canonical text and sum its md5 for each bucket of keys. Equal texts
mean equal values, so equal sums mean equal rows, but for chance (60 bits a row); unequal texts prove nothing and only cost the
transfer of a bucket, whose rows are then compared as ever. Two tables of one PostgreSQL are compared row by row there, by
hashes of 64 bits of the server's own text, and only the rows of the keys in doubt leave it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.promote.diff.canonical import row_text, short
from workbench.promote.diff.pulled import is_numeric
from workbench.promote.diff.sql import ident, listing

if TYPE_CHECKING:
    import ibis.expr.datatypes as dt
    import ibis.expr.types as ir

    from workbench.runtime.postgres import Column

# Hexadecimal digits of the hash that make a bucket, and those that are summed: 60 bits fit into a BIGINT.
_FEWEST, _MOST = 1, 4
_ROWS_OF_A_BUCKET = 200
_SUMMED = 15
# So many keys in doubt are sent back to the server by name; beyond that it finds them again.
_LISTED = 20_000
_WHOLE = {"int2", "int4", "int8"}


@dataclass(frozen=True, slots=True)
class Held:
    """A table where it is: ``relation`` can stand after FROM there, ``place`` is the same object for all tables of one place.

    ``rows`` runs a query there, ``within`` gives the rows of the relation that a condition holds for, ``whole`` all of them.
    ``types`` are those of Ibis, ``kinds`` the names of the types of PostgreSQL.
    """

    engine: str
    place: object
    relation: str
    types: Mapping[str, dt.DataType]
    rows: Callable[[str], Sequence[tuple[Any, ...]]]
    within: Callable[[str], ir.Table]
    kinds: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Thinned:
    """The rows that may differ, and how many rows were proved to be in both tables and are left out."""

    base: ir.Table
    candidate: ir.Table
    shared: int


def thinned(base: Held | None, candidate: Held | None, key: Sequence[str]) -> Thinned | None:
    """Leave out what is proved equal; None where that can't be told, so that both must be read in full."""
    if base is None or candidate is None:
        return None
    names = [name for name in base.types if name in candidate.types]
    if not names or not set(key) <= set(names):
        return None
    if len(names) < min(len(base.types), len(candidate.types)):
        return None  # whether a column was renamed is seen in all rows
    return _inside(base, candidate, key or names, names) or _by_bucket(base, candidate, key or names, names)


def held(table: ir.Table) -> Held | None:
    """A table or expression of Ibis, of DuckDB or PostgreSQL."""
    origin: Any = table.get_backend()
    if origin.name == "duckdb":
        return in_duckdb(table)
    if origin.name != "postgres":
        return None
    from workbench.promote.diff.pulled import described, query_of, settled, transaction

    query = query_of(origin, table)
    relation = f"({query}) AS s"

    def rows(asked: str) -> list[tuple[Any, ...]]:
        with transaction(origin) as cursor:
            cursor.execute(asked.encode())
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found

    with transaction(origin) as cursor:
        columns = described(cursor, query)
    columns = settled(columns, rows, relation)
    types = types_of(columns)

    def within(condition: str) -> ir.Table:
        selected = listing(_narrowed(each) for each in columns)
        narrowed: ir.Table = origin.sql(f"SELECT {selected} FROM {relation} WHERE {condition}", schema=types)
        return narrowed

    return Held("postgres", origin, relation, types, rows, within, kinds_of(columns))


def in_duckdb(table: ir.Table) -> Held:
    """A table of a DuckDB session."""
    origin: Any = table.get_backend()
    query = origin.compile(table)

    def rows(asked: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = origin.con.execute(asked).fetchall()
        return found

    def within(condition: str) -> ir.Table:
        narrowed: ir.Table = origin.sql(f"SELECT * FROM ({query}) AS s WHERE {condition}", schema=table.schema())
        return narrowed

    return Held("duckdb", origin, f"({query}) AS s", dict(table.schema().items()), rows, within)


def kinds_of(columns: Sequence[Column]) -> dict[str, str]:
    """The names of PostgreSQL's types."""
    return {each.name: each.kind.partition(" ")[0] for each in columns}


def types_of(columns: Sequence[Column]) -> dict[str, dt.DataType]:
    """The types of Ibis that columns of PostgreSQL have here, but for numerics, which are decimals whatever holds them here."""
    import ibis.expr.datatypes as dt
    from ibis.backends.sql.datatypes import DuckDBType

    return {each.name: dt.Decimal() if is_numeric(each) else DuckDBType.from_string(each.duckdb) for each in columns}


def _narrowed(column: Column) -> str:
    """What is selected of a column where only some rows are, so that it has the type that it has among all of them."""
    x, name = f"s.{ident(column.name)}", ident(column.name)
    if is_numeric(column):
        kind = column.kind.partition(" ")[2]
        return f"{short(f'CAST({x} AS text)') if kind == 'VARCHAR' else f'CAST({x} AS {kind})'} AS {name}"
    return f"CAST({x} AS text) AS {name}" if column.duckdb == "VARCHAR" else x


def _inside(base: Held, candidate: Held, key: Sequence[str], names: Sequence[str]) -> Thinned | None:
    """Two tables of one PostgreSQL; None where they are not, or where equal text may be another value."""
    if base.place is not candidate.place or base.engine != "postgres":
        return None
    if any(
        base.kinds[name] != candidate.kinds[name] and not {base.kinds[name], candidate.kinds[name]} <= _WHOLE for name in names
    ):
        return None

    def hashed(columns: Sequence[str]) -> str:
        return f"hashtextextended(CAST(ROW({listing(f's.{ident(name)}' for name in columns)}) AS text), 0)"

    both = " UNION ALL ".join(
        f"SELECT {hashed(key)} AS k, {hashed(names)} AS h, {sign} AS n FROM {side.relation}"
        for side, sign in ((base, 1), (candidate, -1))
    )
    doubt = f"SELECT DISTINCT k FROM (SELECT k FROM ({both}) AS u GROUP BY k, h HAVING sum(n) <> 0) AS d"
    found = [k for (k,) in base.rows(f"{doubt} LIMIT {_LISTED + 1}")]
    if not found:
        condition = "FALSE"
    elif len(found) <= _LISTED:
        condition = f"{hashed(key)} IN (VALUES {listing(f'({k}::bigint)' for k in found)})"
    else:
        condition = f"{hashed(key)} IN ({doubt})"
    left = [side.within(condition) for side in (base, candidate)]
    ((count,),) = base.rows(f"SELECT count(*) FROM {base.relation}")
    return Thinned(left[0], left[1], count - (int(left[0].count().to_pyarrow().as_py()) if found else 0))


def _by_bucket(base: Held, candidate: Held, key: Sequence[str], names: Sequence[str]) -> Thinned | None:
    """Checksums of buckets of keys, whoever holds the tables; None where a type has no text that both write alike."""
    sides = (base, candidate)
    texts = [
        (row_text(key, own.types, other.types, own.engine), row_text(names, own.types, other.types, own.engine))
        for own, other in (sides, sides[::-1])
    ]
    ((count,),) = base.rows(f"SELECT count(*) FROM {base.relation}")
    digits = max(_FEWEST, min(_MOST, (count // _ROWS_OF_A_BUCKET).bit_length() // 4))
    sums, buckets = [], []
    for side, (keyed, row) in zip(sides, texts, strict=True):
        if keyed is None or row is None:
            return None
        buckets.append(f"substr(md5({keyed}), 1, {digits})")
        sums.append(_sums(side, buckets[-1], row))
    equal = {bucket for bucket, found in sums[0].items() if sums[1].get(bucket) == found}
    chosen = listing(f"'{bucket}'" for bucket in sorted((sums[0].keys() | sums[1].keys()) - equal)) or "NULL"
    left = [side.within(f"{bucket} IN ({chosen})") for side, bucket in zip(sides, buckets, strict=True)]
    return Thinned(left[0], left[1], sum(sums[0][bucket][0] for bucket in equal))


def _sums(side: Held, bucket: str, row: str) -> dict[str, tuple[int, int]]:
    first = f"substr(md5({row}), 1, {_SUMMED})"
    number = f"('x' || {first})::bit(60)::bigint" if side.engine == "postgres" else f"CAST('0x' || {first} AS BIGINT)"
    found = side.rows(
        f"SELECT {bucket} AS bucket, count(*) AS n, CAST(sum({number}) AS VARCHAR(40)) AS total FROM {side.relation} GROUP BY 1"
    )
    return {bucket: (int(n), int(total)) for bucket, n, total in found}
