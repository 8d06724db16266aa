"""Tables of a PostgreSQL in a session: what a query reads of one is fetched when the query is about to be computed.

A source stands in expressions under a name of its own, and ``narrowed`` puts what was fetched in its place. A query that gets
past it is answered too: the name is that of a view, for which everything is fetched when DuckDB scans it.
"""

from __future__ import annotations

import contextlib
import hashlib
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

from workbench.model import Interval
from workbench.runtime.duck import identifier, rows
from workbench.runtime.postgres import Column, Place, Reading

if TYPE_CHECKING:
    import ibis.expr.operations as ops
    import ibis.expr.schema as sch
    import ibis.expr.types as ir
    from ibis.backends.duckdb import Backend

    Expr = TypeVar("Expr", bound=ir.Expr)

_MOST = 2**63 - 1
_TIMES = 3  # a table is fetched at most so often: after that nothing is left out of it
_distant: dict[int, dict[str, Distant]] = {}  # by session, and by name


@dataclass(slots=True)
class Held:
    """Rows of a table that are here, with some of its columns: ``shown`` is a view that has NULL in the others."""

    shown: str
    columns: frozenset[str] | None = None  # None before anything was fetched
    table: str = ""


@dataclass(slots=True)
class Distant:
    """One table there, and what is here of it: all its rows, or those that meet a condition in SQL of the server.

    It does not hold the session, which ends when nobody else does.
    """

    name: str
    schema: sch.Schema
    at: Place
    reading: Reading
    columns: dict[str, Column]
    located: bool
    explained: Callable[[], contextlib.AbstractContextManager[None]]
    held: dict[str, Held] = field(default_factory=dict, init=False)
    _times: int = field(default=0, init=False)

    def node(self, session: Backend, shown: str = "") -> ops.DatabaseTable:
        """The table in a session, as it stands in expressions or under the name of what is here."""
        import ibis.expr.operations as ops

        return ops.DatabaseTable(shown or self.name, schema=self.schema, source=session)

    def fill(self, con: Any, names: Iterable[str], condition: str = "") -> str:
        """The name of the table with these columns, and perhaps others, filled for a connection of DuckDB.

        All rows are there, or those that meet the condition, and perhaps others.
        """
        wanted = frozenset(names)
        for each in (self.held.get(""), self.held.get(condition)):
            if each is not None and each.columns is not None and wanted <= each.columns:
                return each.shown
        self._times += 1
        # What a view shows the server might compute in another order, where there is less to compute.
        if self._times >= _TIMES or not self.located:
            wanted, condition = frozenset(self.columns), ""
        held = self.held.get(condition)
        if held is None:
            held = self.held[condition] = Held(f"fetched_{self.name.removeprefix('distant_')}_{len(self.held)}")
        with self.explained():
            self._fetch(con, held, wanted | (held.columns or frozenset()), condition)
        return held.shown

    def _fetch(self, con: Any, held: Held, names: frozenset[str], condition: str) -> None:
        columns = [each for name, each in self.columns.items() if name in names]
        table, before = f"{held.shown}_{self._times}", held.table
        if columns:
            listed = ", ".join(f"{identifier(each.name)} {each.duckdb}" for each in columns)
            con.execute(f"CREATE TABLE {table} ({listed})")
            try:
                selected = ", ".join(each.pulled for each in columns)
                with self.reading.as_stored() if self.located else contextlib.nullcontext():
                    self.reading.pull(con, f"SELECT {selected} {self._rows(condition)}", columns, table)
            except BaseException:
                con.execute(f"DROP TABLE {table}")
                raise
        else:
            con.execute(f"CREATE TABLE {table} AS SELECT true AS counted FROM range({self.count(condition)})")
        shown = ", ".join(
            f"{identifier(name) if name in names else f'CAST(NULL AS {each.duckdb})'} AS {identifier(name)}"
            for name, each in self.columns.items()
        )
        # What was compiled before goes on: all that it reads is in the new table too, in the same order.
        con.execute(f"CREATE OR REPLACE VIEW {held.shown} AS SELECT {shown} FROM {table}")
        if before:
            con.execute(f"DROP TABLE {before}")
        held.table, held.columns = table, names

    def count(self, condition: str = "") -> int:
        """How many rows there are, counted there; ``condition`` is SQL of the server about the row ``s``."""
        return int(self.reading.rows(f"SELECT count(*) {self._rows(condition)}")[0][0])

    def _rows(self, condition: str) -> str:
        return f"FROM {self.at.relation} s{f' WHERE {condition}' if condition else ''}"


class _Whole:
    """All rows of a table as Arrow, for a query of a connection that nobody narrowed; they are fetched the first time."""

    def __init__(self, distant: Distant, con: Any) -> None:
        self._distant = distant
        self._con = weakref.ref(con)  # which itself holds what is registered with it

    def __arrow_c_schema__(self) -> Any:
        listed = ", ".join(f"CAST(NULL AS {each.duckdb}) AS {identifier(name)}" for name, each in self._distant.columns.items())
        return self._beside().execute(f"SELECT {listed} LIMIT 0").to_arrow_reader().schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
        beside = self._beside()  # the connection itself is computing the query that asks
        filled = self._distant.fill(beside, self._distant.columns)
        return beside.execute(f"FROM {filled}").to_arrow_reader().__arrow_c_stream__()

    def _beside(self) -> Any:
        con: Any = self._con()
        return con.cursor()


def stand(
    con: Backend, read: str, at: Place, reading: Reading, explained: Callable[[], contextlib.AbstractContextManager[None]]
) -> ir.Table:
    """A declared table of a server as one of a session, of which nothing is fetched yet.

    Raises what reading it would: it is locked against being changed or emptied until the transaction ends.
    """
    from workbench.runtime.duck import table_of

    digest = hashlib.sha256(read.encode()).hexdigest()[:12]
    name = f"distant_{digest}"
    known = _distant.setdefault(id(con), {})
    if name not in known:
        columns = reading.columns(at)
        reading.rows(f"SELECT {', '.join(each.pulled for each in columns.values())} FROM {at.relation} s LIMIT 0")
        schema = table_of(con, empty(con.con, digest, columns.values())).schema()
        made = Distant(name, schema, at, reading, columns, reading.located(at), explained)
        con.con.register(f"{name}_rows", _Whole(made, con.con))
        shown = ", ".join(
            f"CAST({identifier(each)} AS {column.duckdb}) AS {identifier(each)}" for each, column in columns.items()
        )
        # DuckDB hands conditions on what it reads by Arrow to Arrow, to which NaN is not the greatest number: not past a limit.
        con.con.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT {shown} FROM {name}_rows LIMIT {_MOST}")
        known[name] = made
    return cast("ir.Table", known[name].node(con).to_expr())


def empty(con: Any, digest: str, columns: Iterable[Column]) -> str:
    """The name of a table without rows that has these columns."""
    listed = ", ".join(f"{identifier(each.name)} {each.duckdb}" for each in columns)
    con.execute(f"CREATE TEMP TABLE IF NOT EXISTS empty_{digest} ({listed})")
    return f"empty_{digest}"


def forget(session: int) -> None:
    """Forget the tables of a session, by its ``id``."""
    _distant.pop(session, None)


def distant(table: ops.Node) -> Distant | None:
    """What stands behind a table of a session; None for all that is none of a server."""
    return _of(getattr(table, "source", None)).get(getattr(table, "name", ""))


def _of(session: object) -> dict[str, Distant]:
    return _distant.get(id(session), {})


def narrowed(expr: Expr) -> Expr:
    """An expression over what it reads of each table of a server, which is fetched now; any other one as it is.

    Raises what reading a source raises.
    """
    if not _distant:
        return expr
    import ibis.expr.operations as ops

    from workbench.runtime.bounds import bounds_on, condition
    from workbench.runtime.needs import columns_read

    node = expr.op()
    bounds = bounds_on(node)
    wanted: list[tuple[Distant, Any, Iterable[str], str]] = []
    for leaf, names in columns_read(node).items():
        if isinstance(leaf, ops.SQLQueryResult):  # of which nothing is known but its text
            wanted += [(each, leaf.source, each.columns, "") for each in _of(leaf.source).values() if each.name in leaf.query]
        elif (found := distant(leaf)) is not None:
            wanted.append((found, cast("Any", leaf).source, names, condition(found.columns, bounds.get(leaf, ()))))
    if not wanted:
        return expr
    swapped: dict[ops.Node, ops.Node] = {}
    renamed: dict[str, str] = {}
    for each, session, needed, within in wanted:
        renamed[each.name] = each.fill(session.con, needed, within)
        swapped[each.node(session)] = each.node(session, renamed[each.name])
    for query in node.find(ops.SQLQueryResult):
        text = query.query
        for old, new in renamed.items():
            text = text.replace(old, new)
        swapped[query] = query.copy(query=text)
    return cast("Expr", node.replace(swapped).to_expr())


def rows_of(table: ir.Table, time: str | None, interval: Interval | None) -> int | None:
    """How many rows a table of a server has, or has of an interval by the column ``time``; None for any other table."""
    found = distant(table.op())
    if found is None:
        return None
    with found.explained():
        if time is None or interval is None:
            if found.located:
                return found.count()
            within = "true"
        else:
            # Both sessions are in UTC; the server also compares dates that are later than any moment.
            start, end = (f"TIMESTAMPTZ '{each.isoformat()}'" for each in (interval.start, interval.end))
            if found.located and found.columns[time].kind in ("date", "timestamp", "timestamptz"):
                at = f"s.{identifier(time)}"
                return found.count(f"{at} >= {start} AND {at} < {end}")
            at = f"CAST({identifier(time)} AS TIMESTAMPTZ)"
            within = f"{at} >= {start} AND {at} < {end}"
        con = cast("Any", table.op()).source.con
        filled = found.fill(con, () if time is None else (time,))
        return int(rows(con, f"SELECT count(*) FROM {filled} WHERE {within}")[0][0])
