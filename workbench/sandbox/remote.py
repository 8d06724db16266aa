"""Sources in a PostgreSQL: the server chooses by the same hash, and only rows that the sample needs are fetched.

What was fetched stands in a table of the creating process. There everything is chosen again by the one code that chooses, so
that the server has to answer with enough rows, and can never add one to the sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.runtime.duck import identifier
from workbench.runtime.postgres import Column, Place, Reading
from workbench.sandbox.graph import Link
from workbench.sandbox.hashing import Recipe, all_filled

if TYPE_CHECKING:
    from sqlglot import exp

SCHEMA = "remote"
AT = "__wb_at"  # where a row is there, so that it is fetched once
CHUNK = 200_000  # keys a query
_INTEGERS = ("int2", "int4", "int8")
# What is promised of a table is not promised of those that inherit from it, unless they are its partitions.
_ALONE = "(c.relkind = 'p' OR NOT EXISTS (SELECT 1 FROM pg_inherits h WHERE h.inhparent = c.oid))"


@dataclass(slots=True)
class Remote:
    """One table there and the rows of it that were fetched; ``con`` is a raw DuckDB connection."""

    name: str
    at: Place
    reading: Reading
    con: Any
    columns: dict[str, Column]
    located: bool
    complete: bool = field(default=False, init=False)

    @classmethod
    def open(cls, name: str, at: Place, reading: Reading, con: Any) -> Remote:
        columns = reading.columns(at)
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        listed = ", ".join(f"{identifier(each.name)} {each.duckdb}" for each in columns.values())
        con.execute(f"CREATE TABLE {SCHEMA}.{identifier(name)} ({listed}, {AT} VARCHAR)")
        return cls(name, at, reading, con, columns, reading.located(at))

    @property
    def relation(self) -> str:
        """What was fetched so far, as a query in brackets."""
        return f"(SELECT * EXCLUDE ({AT}) FROM {SCHEMA}.{identifier(self.name)})"

    @property
    def types(self) -> dict[str, str]:
        return {name: column.duckdb for name, column in self.columns.items()}

    def rows(self) -> int:
        return int(self.reading.rows(f"SELECT count(*) FROM {self.at.relation}")[0][0])

    def bytes(self) -> int:
        """What the table takes on the server's disk; 0 for views."""
        return int(self.reading.rows("SELECT pg_table_size(CAST($1 AS regclass))", (self.at.relation,))[0][0] or 0)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of a query in DuckDB's dialect, answered there."""
        return self.reading.rows(_parsed(query).sql("postgres"))

    def is_unique(self, columns: Sequence[str]) -> bool:
        """Whether an index there keeps any two rows from being alike in these columns. False says nothing."""
        found = (
            "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE c.oid = CAST($1 AS regclass) "
            "AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL "
            f"AND i.indnkeyatts = i.indnatts AND {_ALONE} AND (SELECT array_agg(a.attname::text) FROM pg_attribute a "
            "WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey)) <@ string_to_array($2, chr(31))"
        )
        return bool(self.reading.rows(found, (self.at.relation, chr(31).join(columns)))[0][0])

    def is_complete(self, columns: Sequence[str], parent: Remote, to: Sequence[str]) -> bool:
        """Whether a validated foreign key there keeps references from leading nowhere. False says nothing."""
        if parent.reading is not self.reading:
            return False
        pairs = sorted(f"{own}{chr(30)}{theirs}" for own, theirs in zip(columns, to, strict=True))
        found = (
            "SELECT count(*) FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid WHERE c.oid = CAST($1 AS regclass) "
            "AND k.confrelid = CAST($2 AS regclass) AND k.contype = 'f' AND k.convalidated AND NOT k.condeferrable "
            f"AND {_ALONE} "
            "AND (SELECT string_agg(a.attname || chr(30) || b.attname, chr(31) ORDER BY (a.attname || chr(30) || b.attname) "
            'COLLATE "C") FROM unnest(k.conkey, k.confkey) p (own, theirs) '
            "JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = p.own "
            "JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = p.theirs) = $3"
        )
        return bool(self.reading.rows(found, (self.at.relation, parent.at.relation, chr(31).join(pairs)))[0][0])

    def fetch_all(self) -> None:
        """All rows."""
        if not self.complete:
            self.con.execute(f"DELETE FROM {SCHEMA}.{identifier(self.name)}")
            self._fetch("")
            self.complete = True

    def fetch_hashed(self, text: str, recipe: Recipe) -> None:
        """At least the rows ``s`` that are chosen by the md5 of a text (SQL of DuckDB); all, where the server's may differ."""
        condition = None if recipe.share >= 1 or not self.located else self._condition(text, recipe)
        if condition is None:
            self.fetch_all()
        elif not self.complete:
            self._fetch(f"WHERE {condition}")

    def fetch_matching(self, columns: Sequence[str], wanted: str) -> None:
        """The rows whose columns are one of the results of a query of the creating process."""
        if self.complete:
            return
        if not self.located:
            self.fetch_all()
            return
        kinds = [self.columns[column] for column in columns]
        texts = ", ".join(f"CAST(TRY_CAST(v{n} AS {kind.duckdb}) AS VARCHAR)" for n, kind in enumerate(kinds))
        aliases = ", ".join(f"v{n}" for n in range(len(kinds)))
        listed = self.con.execute(f"SELECT DISTINCT {texts} FROM ({wanted}) AS w({aliases})").fetchall()
        values = ", ".join(f"CAST(${n + 1} AS text[])" for n in range(len(kinds)))
        names = ", ".join(f"k{n}" for n in range(len(kinds)))
        on = " AND ".join(_same(column, f"w.k{n}") for n, column in enumerate(kinds))
        for start in range(0, len(listed), CHUNK):
            arrays = [list(each) for each in zip(*listed[start : start + CHUNK], strict=True)]
            self._fetch(f"JOIN (SELECT * FROM unnest({values}) AS u({names})) w ON {on}", arrays)

    def _fetch(self, rest: str, parameters: Sequence[Any] = ()) -> None:
        """Add the rows of ``SELECT … FROM table s REST`` that are not here yet."""
        columns = list(self.columns.values())
        place = "CAST(s.tableoid AS text) || CAST(s.ctid AS text)" if self.located else "CAST(NULL AS text)"
        query = f"SELECT {', '.join(each.pulled for each in columns)}, {place} AS {AT} FROM {self.at.relation} s {rest}"
        table = f"{SCHEMA}.{identifier(self.name)}"
        if not self.con.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchall():
            self.reading.pull(self.con, query, columns, table, parameters)
            return
        incoming = f"{SCHEMA}.{identifier(AT)}"
        self.con.execute(f"CREATE OR REPLACE TABLE {incoming} AS SELECT * FROM {table} LIMIT 0")
        self.reading.pull(self.con, query, columns, incoming, parameters)
        self.con.execute(f"INSERT INTO {table} SELECT i.* FROM {incoming} i ANTI JOIN {table} t ON i.{AT} = t.{AT}")
        self.con.execute(f"DROP TABLE {incoming}")

    def _condition(self, text: str, recipe: Recipe) -> str | None:
        """The choice as SQL of the server; None where its text of a value may differ from DuckDB's."""
        from sqlglot import exp

        parsed = _parsed(recipe.chosen(f"md5({text})"))
        named = {column.name for column in parsed.find_all(exp.Column)}
        if any(self.columns[name].duckdb.startswith(("DOUBLE", "FLOAT", "BLOB")) for name in named):
            return None
        if self.reading.rows("SELECT current_setting('server_encoding')")[0][0] != "UTF8":
            return None
        for cast in list(parsed.find_all(exp.TryCast)):
            inner = cast.this
            plain = isinstance(inner, exp.Column) and self.columns[inner.name].kind in _INTEGERS
            if not (plain and cast.to.sql("duckdb").upper().endswith(("INT", "INTEGER"))):
                return None
            # Integers of all widths have the same text.
            cast.replace(inner)
        # Years before the first are written in two ways.
        early = [
            f" OR s.{identifier(name)} < '0001-01-01'"
            for name in sorted(named)
            if self.columns[name].kind in ("date", "timestamp", "timestamptz")
        ]
        return parsed.sql("postgres") + "".join(early)


def find_orphans(
    remotes: Mapping[str, Remote], relations: Mapping[str, str], con: Any, link: Link, table: str, count: str
) -> int:
    """Make a table of the references that lead nowhere, with how often, in ``count``; how many rows refer by NULL.

    Counted on the server where both tables are of one, else from the columns of the reference alone.
    """
    child, parent = remotes.get(link.child), remotes.get(link.parent)
    own = ", ".join(f"c.{identifier(column)}" for column in link.columns)
    same = " AND ".join(
        f"p.{identifier(to)} = c.{identifier(column)}" for column, to in zip(link.columns, link.to, strict=True)
    )
    filled = all_filled(link.columns, "c")
    lost = (
        f"SELECT {own}, count(*) AS {count} FROM {{}} c "
        f"WHERE {filled} AND NOT EXISTS (SELECT 1 FROM {{}} p WHERE {same}) GROUP BY {own}"
    )
    nulls = f"SELECT count(*) FROM {{}} c WHERE NOT ({filled})"
    if child is not None and parent is not None and child.reading is parent.reading and _alike(link, child, parent):
        columns = [child.columns[column] for column in link.columns]
        listed = ", ".join(f"{identifier(each.name)} {each.duckdb}" for each in columns)
        con.execute(f"CREATE TABLE {table} ({listed}, {count} BIGINT)")
        if child.is_complete(link.columns, parent, link.to):
            return int(child.ask(nulls.format(child.at.relation))[0][0])
        inner = _parsed(lost.format(child.at.relation, parent.at.relation)).sql("postgres")
        pulled = ", ".join(each.pulled for each in columns)
        child.reading.pull(con, f"SELECT {pulled}, s.{count} FROM ({inner}) s", columns, table)
        return int(child.ask(nulls.format(child.at.relation))[0][0])
    places = [
        relations[name] if remote is None else _only(remote, columns)
        for name, remote, columns in ((link.child, child, link.columns), (link.parent, parent, link.to))
    ]
    con.execute(f"CREATE TABLE {table} AS {lost.format(*places)}")
    return int(con.execute(nulls.format(places[0])).fetchone()[0])


def _only(remote: Remote, columns: Iterable[str]) -> str:
    """All rows of these columns alone, fetched into a table of their own."""
    chosen = [remote.columns[column] for column in columns]
    table = f"{SCHEMA}.{identifier(AT + '_' + remote.name)}"
    listed = ", ".join(f"{identifier(each.name)} {each.duckdb}" for each in chosen)
    remote.con.execute(f"CREATE OR REPLACE TABLE {table} ({listed})")
    pulled = ", ".join(each.pulled for each in chosen)
    remote.reading.pull(remote.con, f"SELECT {pulled} FROM {remote.at.relation} s", chosen, table)
    return table


def _alike(link: Link, child: Remote, parent: Remote) -> bool:
    """Whether both servers' columns are of types that compare there as they do in DuckDB."""
    pairs = [
        (child.columns[mine].kind, parent.columns[theirs].kind) for mine, theirs in zip(link.columns, link.to, strict=True)
    ]
    return all(mine == theirs or (mine in _INTEGERS and theirs in _INTEGERS) for mine, theirs in pairs)


def _same(column: Column, value: str) -> str:
    if column.duckdb == "VARCHAR" and column.kind not in ("text", "varchar"):
        return f"CAST(s.{identifier(column.name)} AS text) = {value}"
    return f"s.{identifier(column.name)} = CAST({value} AS {identifier(column.kind)})"


def _parsed(query: str) -> exp.Expr:
    import sqlglot

    return sqlglot.parse_one(query, read="duckdb")
