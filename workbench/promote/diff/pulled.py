"""Copies of tables of other connections, so that no value is lost or read as another one on the way."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from workbench.errors import InfrastructureError, UsageError
from workbench.promote.diff.canonical import short
from workbench.promote.diff.session import Session
from workbench.promote.diff.sql import ident, listing

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from workbench.runtime.postgres import Column

_BATCH = 50_000
_PLAIN = {"SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "BOOLEAN", "VARCHAR", "BLOB"}
_MOMENTS = {"date", "timestamp", "timestamptz"}
_END = 2**63 - 1
# A numeric without precision keeps its digits in this type, where they fit.
_EXACT = (38, 18)


def pulled(session: Session, table: ir.Table) -> str:
    """A copy of a table, or of what an expression gives, of another connection; its quoted name."""
    import ibis.expr.operations as ops

    origin: Any = table.get_backend()
    prepared = table.op().find((ops.InMemoryTable, ops.ScalarUDF, ops.AggUDF))  # only Ibis itself can run these
    if origin.name == "duckdb" and not prepared:
        # Ibis would read the engine's own types as text; Arrow carries them all but ENUM, whose values come as text.
        with Session(origin.con).tuned(arrow_lossless_conversion=True):
            rows = origin.con.sql(origin.compile(table))
            typed = zip(rows.columns, rows.types, strict=True)
            enums = {name: f"CAST({ident(name)} AS {kind})" for name, kind in typed if "ENUM(" in str(kind)}
            return session.hold(rows.to_arrow_reader(), enums)
    if origin.name == "postgres" and not prepared:
        return _from_postgres(session, origin, query_of(origin, table))
    # Rows of another engine bring these as objects, which Arrow can't hold.
    uuids = [name for name, kind in table.schema().items() if kind.is_uuid()]
    batches = table.mutate(**{name: table[name].cast("string") for name in uuids}) if uuids else table
    return session.hold(batches.to_pyarrow_batches(), {name: f"CAST({ident(name)} AS UUID)" for name in uuids})


def query_of(origin: Any, table: ir.Table) -> str:
    """A table as it is there, or what an expression compiles to; Ibis would wrap columns of some types in functions."""
    import ibis.expr.operations as ops

    node = table.op()
    if isinstance(node, ops.SQLQueryResult):
        return str(node.query)
    if not isinstance(node, ops.DatabaseTable):
        return str(origin.compile(table))
    parts = (node.namespace.database, node.name)
    return f"SELECT * FROM {'.'.join(ident(part) for part in parts if part)}"


@contextlib.contextmanager
def transaction(origin: Any) -> Iterator[Any]:
    """A cursor of a connection of Ibis to PostgreSQL, which writes values as text in one way.

    Raises ``InfrastructureError`` where the server does not answer, ``UsageError`` for what it can't run.
    """
    import psycopg

    from workbench.runtime.postgres import PINNED

    try:
        with origin.con.transaction(), origin.con.cursor() as cursor:
            # Of the transaction alone, so that whoever uses the connection next finds it as it was.
            for name, value in PINNED.items():
                cursor.execute("SELECT set_config(%s, %s, true)", (name, value))
            yield cursor
    except psycopg.OperationalError as error:
        said = f"PostgreSQL does not answer: {_first(error)}"
        raise InfrastructureError(said, hint="see whether the server runs, try again") from error
    except psycopg.Error as error:
        said = f"PostgreSQL can't run what the comparison asks: {_first(error)}"
        raise UsageError(said, hint="compare a view of it that holds the selection") from error


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def described(cursor: Any, query: str) -> list[Column]:
    """The columns that a query gives, each pulled so that nothing of its values is lost."""
    from workbench.runtime.postgres import column

    cursor.execute(f"SELECT * FROM ({query}) AS s LIMIT 0".encode())
    found = [(each.name, each.type_code, cursor.pgresult.fmod(i)) for i, each in enumerate(cursor.description)]
    named = "SELECT oid::int8, typname::text FROM pg_catalog.pg_type WHERE oid = ANY(%s)"
    cursor.execute(named, ([kind for _, kind, _ in found],))
    kinds = dict(cursor.fetchall())
    columns = [kept(column(name, kinds[kind], modifier, nullable=True)) for name, kind, modifier in found]

    def rows(asked: str) -> list[tuple[Any, ...]]:
        cursor.execute(asked.encode())
        values: list[tuple[Any, ...]] = cursor.fetchall()
        return values

    return flat(columns, rows, f"({query}) AS s")


def _from_postgres(session: Session, origin: Any, query: str) -> str:
    """The rows of a query; its types are those that a table of a server has here."""
    import pyarrow as pa

    with transaction(origin) as cursor:
        columns = described(cursor, query)
        ways = [_way(each) for each in columns]
        nulls = listing(f"NULL::{way.kind} AS {ident(each.name)}" for each, way in zip(columns, ways, strict=True))
        schema = session.con.sql(f"SELECT {nulls}").to_arrow_table().schema

        def batches() -> Iterator[pa.RecordBatch]:
            with origin.con.cursor(name="workbench_diff") as rows:
                rows.execute(f"SELECT {listing(way.there for way in ways)} FROM ({query}) AS s".encode())
                while batch := rows.fetchmany(_BATCH):
                    arrays = [
                        pa.array(values, kind) for values, kind in zip(zip(*batch, strict=True), schema.types, strict=True)
                    ]
                    yield pa.RecordBatch.from_arrays(arrays, schema=schema)

        stream = pa.RecordBatchReader.from_batches(schema, batches())
        name = session.hold(stream, {each.name: way.here for each, way in zip(columns, ways, strict=True) if way.here})
    for each in columns:
        if is_numeric(each):
            as_decimal(session.con, name, each)
    return name


@dataclass(frozen=True, slots=True)
class _Way:
    """How a column comes: what is selected there, the type that travels, and what is made of it here."""

    there: str
    kind: str
    here: str = ""


def _way(column: Column) -> _Way:
    """The driver reads numbers, booleans, texts and bytes exactly; what it does not, comes as numbers or text."""
    x, name = f"s.{ident(column.name)}", ident(column.name)
    if column.duckdb.removesuffix("[]") in _PLAIN:
        return _Way(column.pulled, column.duckdb)
    if column.kind in _MOMENTS:
        # Infinities are the ends of what the engine here counts in.
        ends = f"CASE WHEN {x} > CAST('epoch' AS timestamp) THEN {_END} ELSE -{_END} END"
        there = (
            f"CASE WHEN isfinite({x}) THEN CAST(extract(epoch FROM {x}) * 1000000 AS int8) WHEN {x} IS NOT NULL THEN {ends} END"
        )
        make = "make_timestamptz" if column.kind == "timestamptz" else "make_timestamp"
        ends = f"CASE WHEN {name} > 0 THEN 'infinity' ELSE '-infinity' END"
        here = f"CASE WHEN abs({name}) = {_END} THEN CAST({ends} AS {column.duckdb}) ELSE {make}({name}) END"
        return _Way(f"{there} AS {name}", "BIGINT", f"CAST({here} AS {column.duckdb})")
    text = f"CAST({x} AS text)"
    if column.kind == "interval":
        text = f"replace({text}, '+', '')"  # the engine here reads no sign of what is not negative
    return _Way(f"{text} AS {name}", "VARCHAR", f"CAST({name} AS {column.duckdb})")


def kept(column: Column) -> Column:
    """How a column is pulled so that nothing of its values is lost."""
    own = f"s.{ident(column.name)}"
    if column.kind == "numeric":
        # As text, since NaN and digits beyond 38 are no DECIMAL; which type it becomes is seen from the values.
        pulled = f"CAST({own} AS text) AS {ident(column.name)}"
        kind = f"numeric {column.duckdb}" if column.duckdb.startswith("DECIMAL") else "numeric"
        return replace(column, kind=kind, duckdb="VARCHAR", pulled=pulled)
    if column.kind == "interval":
        return replace(column, duckdb="INTERVAL", pulled=f"{own} AS {ident(column.name)}")
    return column


def flat(columns: Sequence[Column], rows: Callable[[str], Sequence[tuple[Any, ...]]], relation: str) -> list[Column]:
    """The same columns, but arrays as their text where any has more dimensions than one, or begins elsewhere than at 1.

    The type of a column does not tell that, and the driver would hand over their elements in one flat list. ``rows`` runs a
    query on the server, ``relation`` can stand after FROM there and is called ``s``.
    """
    arrays = [each for each in columns if each.duckdb.endswith("[]")]
    if not arrays:
        return list(columns)
    names = [f"s.{ident(each.name)}" for each in arrays]
    odd = listing(f"coalesce(bool_or(array_ndims({x}) > 1 OR array_lower({x}, 1) <> 1), false)" for x in names)
    (found,) = rows(f"SELECT {odd} FROM {relation}")
    text = {each.name for each, is_odd in zip(arrays, found, strict=True) if is_odd}
    return [
        replace(each, duckdb="VARCHAR", pulled=f"CAST(s.{ident(each.name)} AS text) AS {ident(each.name)}")
        if each.name in text
        else each
        for each in columns
    ]


def is_numeric(column: Column) -> bool:
    """Whether a column is a ``numeric`` of the server, declared with a precision or not."""
    return column.kind.partition(" ")[0] == "numeric"


def settled(columns: Sequence[Column], rows: Callable[[str], Sequence[tuple[Any, ...]]], relation: str) -> list[Column]:
    """The same columns, each ``numeric`` with the type that all of its values have together.

    For where only some rows are pulled: the type seen from those alone might be another. ``rows`` and ``relation`` are as for
    ``flat``.
    """
    texts = [f"CAST(s.{ident(each.name)} AS text)" for each in columns if is_numeric(each)]
    if not texts:
        return list(columns)
    (found,) = rows(f"SELECT {listing(_extent(text) for text in texts)} FROM {relation}")
    extents = iter(zip(found[::3], found[1::3], found[2::3], strict=True))
    return [replace(each, kind=f"numeric {_exact(each, *next(extents))}") if is_numeric(each) else each for each in columns]


def as_decimal(con: Any, table: str, column: Column) -> None:
    """Give pulled digits an exact type; where the values have none, they stay text in the shortest form."""
    x = ident(column.name)
    kind = _exact(column, *con.execute(f"SELECT {_extent(x)} FROM {table}").fetchall()[0])
    if kind == "VARCHAR":
        con.execute(f"UPDATE {table} SET {x} = {short(x)} WHERE contains({x}, '.')")
    else:
        con.execute(f"ALTER TABLE {table} ALTER COLUMN {x} SET DATA TYPE {kind}")


def _extent(x: str) -> str:
    """Of numbers written as text, as SQL of either engine: whether any has no digits, the most before and after the point."""
    return (
        f"coalesce(bool_or({x} IN ('NaN', 'Infinity', '-Infinity')), FALSE), "
        f"coalesce(max(length(ltrim(split_part({x}, '.', 1), '-0'))), 0), "
        f"coalesce(max(length(rtrim(split_part({x}, '.', 2), '0'))), 0)"
    )


def _exact(column: Column, special: bool, whole: int, scale: int) -> str:
    """The type here that holds all values of a ``numeric``: the one that it has already, or one that its values need."""
    known = column.kind.partition(" ")[2]
    digits, places = _EXACT
    if special or whole + scale > digits:
        return "VARCHAR"
    fits = whole <= digits - places and scale <= places
    return known or f"DECIMAL({digits},{places if fits else scale})"
