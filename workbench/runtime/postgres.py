"""PostgreSQL as a place of sources: one read-only transaction a session, whose rows arrive by Arrow."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.errors import InfrastructureError, LockHeld, UsageError
from workbench.runtime.address import without_password
from workbench.runtime.duck import AGAIN, identifier

# Limits that hold unless the role, the database or the address sets others.
LIMITS = {"statement_timeout": "15min", "lock_timeout": "10s"}
# How text of values is written, so that it is the same everywhere, as DuckDB writes it.
PINNED = {"TimeZone": "UTC", "DateStyle": "ISO, YMD", "IntervalStyle": "postgres", "extra_float_digits": "1"}
# The server then reads a table from its start to its end: no index in place of it, not joining another scan, not in parallel.
STORED_ORDER = {
    "enable_indexscan": "off", "enable_indexonlyscan": "off", "enable_bitmapscan": "off", "synchronize_seqscans": "off",
    "max_parallel_workers_per_gather": "0",
}  # fmt: skip

_SAME = {
    "int2": "SMALLINT", "int4": "INTEGER", "int8": "BIGINT", "float4": "FLOAT", "float8": "DOUBLE", "bool": "BOOLEAN",
    "text": "VARCHAR", "varchar": "VARCHAR", "date": "DATE", "time": "TIME", "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMP WITH TIME ZONE", "bytea": "BLOB", "_int2": "SMALLINT[]", "_int4": "INTEGER[]",
    "_int8": "BIGINT[]", "_float8": "DOUBLE[]", "_text": "VARCHAR[]", "_bool": "BOOLEAN[]",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """A table of a PostgreSQL: its address as declared, with ``env:NAME`` not yet looked up."""

    address: str
    schema: str
    table: str

    @property
    def relation(self) -> str:
        return f"{identifier(self.schema)}.{identifier(self.table)}"


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it is there, and as DuckDB shows it: ``pulled`` is what is selected, of alias ``s``."""

    name: str
    kind: str
    duckdb: str
    pulled: str
    nullable: bool


def is_address(read: str) -> bool:
    """Whether a declaration reads from PostgreSQL.

    >>> is_address("postgres://db/shop#public.orders"), is_address("env:SHOP#orders"), is_address("raw/*.parquet")
    (True, True, False)
    """
    return read.startswith(("postgres://", "postgresql://", "env:"))


def place(name: str, read: str) -> Place:
    """Where a source is declared to be.

    >>> place("orders", "env:SHOP#sales.orders")
    Place(address='env:SHOP', schema='sales', table='orders')
    """
    address, _, table = read.partition("#")
    if not table:
        raise UsageError(f"source {name!r}: {read!r} names no table", hint=f"write it as {address}#SCHEMA.TABLE")
    schema, _, table = table.rpartition(".")
    return Place(address, schema or "public", table)


class Reading:
    """One moment of one PostgreSQL: a read-only transaction at REPEATABLE READ, in UTC.

    Raises ``InfrastructureError`` when the server can't be reached, is too slow, or a lock is held; ``UsageError`` for what
    is not there or may not be read. No message has the address in it, as that may hold a password.
    """

    def __init__(self, address: str) -> None:
        self.label = without_password(address)
        try:
            from adbc_driver_postgresql import dbapi
        except ModuleNotFoundError:
            raise UsageError(
                f"reading {self.label} needs the PostgreSQL driver, which is not installed",
                hint="pip install 'ibis-workbench[postgres]'",
            ) from None
        with self._translated():
            self._connection = dbapi.connect(_resolved(address), autocommit=True)
            self._cursor = self._connection.cursor()
        for setting, value in PINNED.items():
            self.rows(f"SELECT set_config('{setting}', '{value}', false)")
        for setting, value in LIMITS.items():
            own = f"current_setting('{setting}')"
            self.rows(f"SELECT set_config('{setting}', CASE {own} WHEN '0' THEN '{value}' ELSE {own} END, false)")
        self.do("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def close(self) -> None:
        """End the transaction; nothing was written."""
        with contextlib.suppress(Exception):
            self._cursor.close()
        with contextlib.suppress(Exception):
            self._connection.close()

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a small result."""
        with self._translated():
            self._cursor.execute(query, parameters or None)
            found: list[tuple[Any, ...]] = self._cursor.fetchall()
            return found

    def do(self, statement: str) -> None:
        """Carry out what gives no rows."""
        with self._translated():
            self._cursor.execute(statement)

    def columns(self, at: Place) -> dict[str, Column]:
        """The columns of a table or view in their order; ``UsageError`` where there is none."""
        listed = self.rows(
            # A domain has the values of the type below it, and the modifier that it gives that type.
            "WITH RECURSIVE k(of, kind, modifier) AS (SELECT t.oid, t.oid, -1 FROM pg_catalog.pg_type t UNION ALL "
            "SELECT k.of, t.typbasetype, t.typtypmod FROM k JOIN pg_catalog.pg_type t ON t.oid = k.kind AND t.typtype = 'd') "
            "SELECT a.attname::text, t.typname::text, CASE t.oid WHEN a.atttypid THEN a.atttypmod ELSE k.modifier END, "
            "a.attnotnull FROM pg_catalog.pg_attribute a JOIN k ON k.of = a.atttypid "
            "JOIN pg_catalog.pg_type t ON t.oid = k.kind AND t.typtype <> 'd' "
            "JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            (at.schema, at.table),
        )
        if not listed:
            known = [row[0] for row in self.rows("SELECT n.nspname || '.' || c.relname " + TABLES)]
            there = ", ".join(sorted(known)[:12]) or "none"
            raise UsageError(
                f"{self.label} has no table {at.schema}.{at.table}; there are: {there}",
                hint="correct read in pyproject.toml, then: workbench doctor",
            )
        return {name: column(name, kind, modifier, not filled) for name, kind, modifier, filled in listed}

    def located(self, at: Place) -> bool:
        """Whether rows have places of their own (``tableoid`` and ``ctid``), as those of views and foreign tables have not."""
        kinds = self.rows(
            "SELECT c.relkind::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = $1 AND c.relname = $2",
            (at.schema, at.table),
        )
        return bool(kinds) and kinds[0][0] in ("r", "p", "m")

    def digest(self, at: Place) -> str:
        """Identifies what a table holds at this moment, whatever the order of its rows; one scan there."""
        columns = [(each.name, each.kind) for each in self.columns(at).values()]
        hashed = "coalesce(sum(hashtextextended(CAST(ROW(s.*) AS text), 0)::numeric), 0)::text"
        count, total = self.rows(f"SELECT count(*), {hashed} FROM {at.relation} s")[0]
        return hashlib.sha256(json.dumps([columns, count, total]).encode()).hexdigest()

    @contextlib.contextmanager
    def as_stored(self) -> Iterator[None]:
        """Within it, rows of a table arrive in the order in which they are stored, whichever of their columns are selected."""
        before = self.rows("SELECT name, setting FROM pg_catalog.pg_settings WHERE name = ANY($1)", (list(STORED_ORDER),))
        for name, value in STORED_ORDER.items():
            self.rows("SELECT set_config($1, $2, true)", (name, value))
        yield
        for name, value in before:  # after an error the transaction is of no more use
            self.rows("SELECT set_config($1, $2, true)", (name, value))

    def pull(self, con: Any, query: str, columns: Sequence[Column], into: str, parameters: Sequence[Any] = ()) -> None:
        """Run ``query`` (it gives these columns, then any others) and add its rows to a table of a DuckDB connection."""
        import duckdb

        name = f"pulled_{secrets.token_hex(6)}"
        casts = ", ".join(f"{_arrived(each)} AS {identifier(each.name)}" for each in columns)
        with self._translated():
            self._cursor.execute(query, parameters or None)
            con.register(name, self._cursor.fetch_record_batch())
            try:
                con.execute(f"INSERT INTO {into} SELECT * REPLACE ({casts}) FROM {identifier(name)}")
            except duckdb.Error as error:
                if "SQLSTATE" in str(error):
                    raise self._explained(error) from error
                raise
            finally:
                con.unregister(name)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        import adbc_driver_manager

        try:
            yield
        except adbc_driver_manager.Error as error:
            raise self._explained(error) from error

    def _explained(self, error: Exception) -> Exception:
        text = str(error)
        found = re.search(r"SQLSTATE: (\w{5})", text)
        state = found[1] if found else getattr(error, "sqlstate", None) or ""
        first = re.sub(r"^.*?(ERROR|FATAL):\s+", "", text.splitlines()[0]) if text else "no answer"
        first = re.sub(r"^[A-Z_]+: (\[libpq\] )?", "", first)
        if state == "57014":
            return InfrastructureError(f"{self.label} cancelled a query: {first}", hint=f"raise statement_timeout, {AGAIN}")
        if state == "55P03":
            return LockHeld(f"{self.label}: a lock is held on a table: {first}", hint=f"wait for it to be released, {AGAIN}")
        if state.startswith(("42", "28")):
            return UsageError(f"{self.label}: {first}", hint="grant SELECT, or correct read in pyproject.toml, " + AGAIN)
        return InfrastructureError(f"{self.label} can't be read: {first}", hint=f"see whether the server runs, {AGAIN}")


# Tables and views of people, for `SELECT … {TABLES}`.
TABLES = (
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition "
    "AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'"
)


def column(name: str, kind: str, modifier: int, nullable: bool) -> Column:
    """How a column is pulled whose type has this name and modifier in the catalog of the server."""
    own = f"s.{identifier(name)}"
    duckdb, pulled = _SAME.get(kind), own
    if kind == "uuid":
        duckdb, pulled = "UUID", f"CAST({own} AS text)"
    elif kind == "numeric":
        precision, scale = ((modifier - 4) >> 16) & 0xFFFF, (modifier - 4) & 0x7FF
        exact = modifier >= 4 and precision <= 38 and scale <= precision
        duckdb = f"DECIMAL({precision},{scale})" if exact else "DOUBLE"
        pulled = f"CAST({own} AS {'text' if exact else 'float8'})"
    elif duckdb is None:
        duckdb, pulled = "VARCHAR", f"CAST({own} AS text)"
    return Column(name, kind, duckdb, f"{pulled} AS {identifier(name)}", nullable)


# What the driver makes of infinity and -infinity: it adds the years from 1970 to 2000 to the largest and the smallest number.
# No moment of PostgreSQL is as early as that.
_OVERFLOWN = {
    "date": ("DATE '5877612-06-21 (BC)'", "DATE '5877612-06-22 (BC)'"),
    "timestamp": ("TIMESTAMP '290279-12-22 (BC) 19:59:05.224191'", "TIMESTAMP '290279-12-22 (BC) 19:59:05.224192'"),
    "timestamptz": ("make_timestamptz(-9222425352054775809)", "make_timestamptz(-9222425352054775808)"),
}


def _arrived(column: Column) -> str:
    """What is made here of a pulled column, as SQL of DuckDB."""
    x = identifier(column.name)
    if column.kind not in _OVERFLOWN:
        return f"CAST({x} AS {column.duckdb})"
    late, early = _OVERFLOWN[column.kind]
    infinite = f"CASE {x} WHEN {late} THEN 'infinity' WHEN {early} THEN '-infinity' END"
    return f"coalesce(CAST({infinite} AS {column.duckdb}), CAST({x} AS {column.duckdb}))"


def _resolved(address: str) -> str:
    if address.startswith("env:"):
        name = address.removeprefix("env:")
        found = os.environ.get(name)
        if not found:
            raise UsageError(
                f"the environment has no {name}, which is to hold the address of a PostgreSQL",
                hint=f"export {name}=postgresql://USER:PASSWORD@HOST/DATABASE, {AGAIN}",
            )
        address = found
    if "connect_timeout" in address or "PGCONNECT_TIMEOUT" in os.environ:
        return address
    if "://" not in address:
        return f"{address} connect_timeout=10"
    return f"{address}{'&' if '?' in address else '?'}connect_timeout=10"
