"""Both tables in one DuckDB session: in place where they are, else copied once into a temporary table."""

from __future__ import annotations

import contextlib
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from workbench.errors import InfrastructureError, UsageError
from workbench.promote.diff.sql import all_true, ident, literal
from workbench.runtime.duck import Listed, infrastructure, noted_files

if TYPE_CHECKING:
    import duckdb
    import ibis.expr.operations as ops
    import ibis.expr.types as ir
    from duckdb.sqltypes import DuckDBPyType

# What a view that only reads Parquet files and casts their columns calls, once names and texts are taken out.
_QUOTED = re.compile(r"""\"(?:[^"]|"")*\"|'(?:[^']|'')*'""")
_CALLS = re.compile(r"\b(\w+)\s*\(")
_PLAIN = {"cast", "read_parquet", "parquet_scan", "list_value", "decimal", "struct", "map", "enum", "union"}
_TEXT = re.compile("'(?:[^']|'')*'")
_READ = re.compile(
    r"CREATE TEMP VIEW (?:\w+|\"(?:[^\"]|\"\")*\") AS SELECT \* FROM read_parquet\(main\.list_value\("
    r"('(?:[^']|'')*'(?:, '(?:[^']|'')*')*)\)\);"
)
NOTHING: Mapping[str, str] = {}
_KINDS = (("duckdb_tables", "table"), ("duckdb_views", "view"))
_COLLATED = re.compile(r"\bCOLLATE\b")
_BYTES = '"binary"'
_WORDS = re.compile(r"\b(join|where|group|order|limit|union|distinct|sample|over|exists|in|with|case)\b", re.IGNORECASE)


@dataclass(slots=True)
class Session:
    """One DuckDB connection and the temporary tables that a comparison made in it."""

    con: duckdb.DuckDBPyConnection
    _made: list[str] = field(default_factory=list)

    def rows(self, sql: str, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """All rows of a query whose values are bound."""
        return self.con.execute(sql, values or []).fetchall()

    def row(self, sql: str, values: list[Any] | None = None) -> tuple[Any, ...]:
        """The first row of a query."""
        return self.rows(sql, values)[0]

    def make(self, sql: str, values: list[Any] | None = None) -> str:
        """A temporary table with the result of a query; its quoted name. Dropped when the session ends."""
        name = self.name()
        self.con.execute(f"CREATE TEMP TABLE {name} AS {sql}", values or [])
        return name

    def hold(self, data: Any, made: Mapping[str, str] = NOTHING) -> str:
        """A temporary table with a copy of Arrow data, table or stream; its quoted name.

        ``made`` has an expression for each column whose values do not come as they are meant.
        """
        moved = "workbench_diff_" + uuid4().hex
        self.con.register(moved, data)
        try:
            with warnings.catch_warnings():
                # Ibis reads DuckDB through a method that DuckDB has renamed.
                warnings.filterwarnings("ignore", "fetch_record_batch", DeprecationWarning)
                casts = ", ".join(f"{expression} AS {ident(name)}" for name, expression in made.items())
                return self.make(f"SELECT *{f' REPLACE ({casts})' if casts else ''} FROM {ident(moved)}")
        finally:
            self.con.unregister(moved)

    def arrays(self, sql: str) -> dict[str, Any]:
        """All rows of a query as NumPy arrays by column."""
        found: dict[str, Any] = self.con.sql(sql).fetchnumpy()  # in full: a stream takes longer
        return found

    def name(self) -> str:
        """A new quoted name for a temporary table that is dropped with the session."""
        name = f"temp.main.{ident('workbench_diff_' + uuid4().hex)}"
        self._made.append(name)
        return name

    @contextlib.contextmanager
    def tuned(self, **settings: object) -> Iterator[None]:
        """Settings of the engine that change how fast it is, and nothing else; as they were before when this ends."""
        import duckdb

        before: dict[str, Any] = {}
        try:
            for name, value in settings.items():
                # Not every release of the engine has every setting, and a sandbox lets nobody change one.
                with contextlib.suppress(duckdb.CatalogException, duckdb.InvalidInputException):
                    before[name] = self.row(f"SELECT current_setting({literal(name)})")[0]
                    self.con.execute(f"SET {name} = {literal(str(value))}")
            yield
        finally:
            for name, value in before.items():
                with contextlib.suppress(Exception):  # the session may be broken by the very error that ends this
                    self.con.execute(f"SET {name} = {literal(str(value))}")

    def drop(self) -> None:
        """Drop everything that was made."""
        for name in reversed(self._made):
            with contextlib.suppress(Exception):  # the session may be broken by the very error that ends the comparison
                self.con.execute(f"DROP TABLE IF EXISTS {name}")
        self._made.clear()


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two tables: what stands after FROM, its columns with DuckDB's types, and the files it is made of, if it is.

    The rows of one that is ``numbered`` can be read by ranges of ``rowid``, which may go beyond their count.
    """

    source: str
    columns: dict[str, DuckDBPyType]
    files: tuple[Listed, ...] | None = None
    numbered: bool = False


@contextlib.contextmanager
def opened(*tables: ir.Table) -> Iterator[tuple[Session, list[Side]]]:
    """The tables side by side in the session that holds them, or in a new one in memory when they live apart.

    A table or view of the session is read in place; any other expression is computed once. What is written is temporary
    and gone afterwards.
    """
    import duckdb

    backends = [table.get_backend() for table in tables]
    together = all(backend is backends[0] for backend in backends) and backends[0].name == "duckdb"
    home = backends[0] if together else None
    with contextlib.ExitStack() as stack:
        if home is None:
            spill = stack.enter_context(tempfile.TemporaryDirectory(prefix="workbench-diff-"))
            con = stack.enter_context(duckdb.connect(config={"temp_directory": spill}))
        else:
            con = home.con
        session = Session(con)
        if home is not None:
            stack.enter_context(session.tuned(default_collation=""))
        try:
            yield session, [_side(session, table, home) for table in tables]
        except duckdb.InterruptException:
            raise KeyboardInterrupt from None
        except duckdb.Error as error:
            first = str(error).strip().splitlines()[0]
            if isinstance(error, duckdb.OutOfMemoryException):
                raise InfrastructureError(
                    f"the comparison needs more memory: {first}", hint="end other work, try again"
                ) from error
            raise (
                infrastructure(error, "the comparison")
                or UsageError(f"the tables can't be compared: {first}", hint="check that both can be read in full")
            ) from error
        finally:
            session.drop()


def _side(session: Session, table: ir.Table, home: Any) -> Side:
    import ibis.expr.operations as ops

    from workbench.promote.diff.pulled import pulled

    node = table.op()
    files, numbered = None, False
    if home is None:
        source = pulled(session, table)
    elif node.find((ops.InMemoryTable, ops.ScalarUDF, ops.AggUDF)):
        # Ibis itself must prepare these; a stream would end with the next statement of the same connection.
        source = session.hold(table.to_pyarrow())
    elif isinstance(node, ops.DatabaseTable) and _stable(session, node.name):
        parts = (node.namespace.catalog, node.namespace.database, node.name)
        source = ".".join(ident(part) for part in parts if part)
        files = None if any(parts[:2]) else _files(session, node.name)  # a temporary view has no other place
        numbered = _numbered(session, node)
    else:
        source = session.make(home.compile(table))
    relation = session.con.sql(f"FROM {source}")
    columns = dict(zip(relation.columns, relation.types, strict=True))
    if files is None and (plain := _uncollated(session, source, columns)) is not None:
        source, numbered = plain, False
    return Side(source, columns, files, numbered)


def _uncollated(session: Session, source: str, columns: Mapping[str, DuckDBPyType]) -> str | None:
    """The same where texts have a collation, under which other texts count as equal, without it; None where none has."""
    texts = [ident(name) for name, kind in columns.items() if str(kind) == "VARCHAR"]
    if not texts:
        return None
    like = session.make(f"SELECT {', '.join(texts)} FROM {source} LIMIT 0")  # types don't tell, but the catalog does
    (sql,) = session.row(f"SELECT sql FROM duckdb_tables() WHERE {literal(like)} = 'temp.main.\"' || table_name || '\"'")
    if not _COLLATED.search(_QUOTED.sub("", sql)):
        return None
    return f"(SELECT * REPLACE ({', '.join(f'{name} COLLATE {_BYTES} AS {name}' for name in texts)}) FROM {source})"


def _files(session: Session, view: str) -> tuple[Listed, ...] | None:
    """The files that a temporary view is known to read, and nothing but them."""
    noted = session.rows(f"SELECT comment, sql FROM duckdb_views() WHERE view_name = {literal(view)} AND temporary")
    return noted_files(noted[0][0]) or _read(noted[0][1]) if len(noted) == 1 else None


def _read(sql: str) -> tuple[Listed, ...] | None:
    """The files of a view that is no more than ``read_parquet`` of files by their names, as Ibis makes it.

    >>> _read(f"CREATE TEMP VIEW v AS SELECT * FROM read_parquet(main.list_value('{__file__}'));") == (Listed(Path(__file__)),)
    True
    >>> _read("CREATE TEMP VIEW v AS SELECT * FROM read_parquet(main.list_value('*.parquet'));")
    """
    found = _READ.fullmatch(sql)
    paths = [Path(text[1:-1].replace("''", "'")) for text in _TEXT.findall(found[1])] if found else []
    # A folder may be a column, and a name that is a pattern other files.
    known = all(path.is_file() and not set("=*?[") & set(str(path)) for path in paths)
    return tuple(map(Listed, paths)) if paths and known else None


def _numbered(session: Session, node: ops.DatabaseTable) -> bool:
    """Whether this is a table that the engine itself stores, and no column of it hides the numbers of its rows."""
    parts = {"table": node.name, "schema": node.namespace.database, "database": node.namespace.catalog}
    named = all_true(f"t.{part}_name = {literal(name)}" for part, name in parts.items() if name)
    stored = f"SELECT d.type FROM duckdb_tables() t JOIN duckdb_databases() d USING (database_oid) WHERE {named}"
    hidden = f"SELECT NULL FROM duckdb_columns() t WHERE lower(t.column_name) = 'rowid' AND {named}"
    return session.rows(stored) == [("duckdb",)] and not session.rows(hidden)


def _stable(session: Session, name: str) -> bool:
    """Whether to read in place, more than once: tables and plain views of Parquet files.

    Any other view may compute, parse text, or drain a stream that was registered.
    """
    tables, views = (f"{each}() WHERE {kind}_name = {literal(name)}" for each, kind in _KINDS)
    found = session.rows(f"SELECT NULL FROM {tables} UNION ALL SELECT sql FROM {views}")
    return bool(found) and all(sql is None or _plain_view(sql) for (sql,) in found)


def _plain_view(sql: str) -> bool:
    """Whether a view does no more than read Parquet files and cast their columns.

    >>> _plain_view("CREATE VIEW v AS SELECT CAST(a AS BIGINT) AS a FROM read_parquet(main.list_value('x.parquet'));")
    True
    >>> _plain_view("CREATE VIEW v AS SELECT random() AS a FROM read_parquet('x.parquet');")
    False
    """
    bare = _QUOTED.sub("", sql)
    calls = {name.lower() for name in _CALLS.findall(bare)}
    return bool(calls & {"read_parquet", "parquet_scan"}) and calls <= _PLAIN and not _WORDS.search(bare)
