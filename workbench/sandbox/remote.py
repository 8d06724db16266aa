"""Sources in a PostgreSQL: the server chooses by the same hash, and only rows that the sample needs are fetched.

What was fetched stands in a table of the creating process. There everything is chosen again by the one code that chooses, so
that the server has to answer with enough rows, and can never add one to the sample.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.errors import WorkbenchError
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

    def state(self) -> tuple[int, str]:
        """How many rows there are, and what tells this state of the table from all others; one scan there.

        A row never changes in its place: what is written has another place (``ctid``) or another transaction (``xmin``). So the
        set of both is hashed, which reads no value. The rest says of which table of which server they are, and what could
        show the same rows otherwise. Views and foreign tables have no such places, and before version 14 there are no hashes
        of them; there the values are hashed.
        """
        if not self.located or int(self._setting("server_version_num")) < 140_000:
            count = int(self.reading.rows(f"SELECT count(*) FROM {self.at.relation}")[0][0])
            return count, self.reading.digest(self.at)
        places = "bit_xor(hash_record_extended(ROW(s.tableoid, s.ctid, s.xmin), 0))"
        count, held = self.reading.rows(f"SELECT count(*), coalesce({places}, 0) FROM {self.at.relation} s")[0]
        server = (
            "SELECT d.oid::bigint, CAST($1 AS regclass)::oid::bigint FROM pg_database d WHERE d.datname = current_database()"
        )
        (there,) = self.reading.rows(server, (self.at.relation,))
        known: tuple[str, ...] = ()
        if self.reading.rows("SELECT has_function_privilege('pg_catalog.pg_control_system()', 'execute')")[0][0]:
            known = self.reading.rows("SELECT system_identifier::text FROM pg_catalog.pg_control_system()")[0]
        columns = [(each.name, each.kind, each.duckdb, each.pulled) for each in self.columns.values()]
        # Labels may be renamed, and columns computed when they are read be defined anew, without any row being written.
        shown = self.reading.rows(
            "SELECT e.enumtypid::bigint, e.enumsortorder::float8, e.enumlabel::text FROM pg_catalog.pg_enum e "
            "JOIN pg_catalog.pg_attribute a ON e.enumtypid = a.atttypid WHERE a.attrelid = CAST($1 AS regclass) "
            "UNION SELECT d.adnum, 0, pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef d "
            "JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum "
            "WHERE d.adrelid = CAST($1 AS regclass) AND a.attgenerated <> '' ORDER BY 1, 2, 3",
            (self.at.relation,),
        )
        material = [self.reading.label, known, there, columns, shown, count, held]
        return int(count), hashlib.sha256(json.dumps(material, default=list).encode()).hexdigest()

    def _setting(self, name: str) -> str:
        return str(self.reading.rows("SELECT current_setting($1)", (name,))[0][0])

    def bytes(self) -> int:
        """What the table takes on the server's disk; 0 for views."""
        return int(self.reading.rows("SELECT pg_table_size(CAST($1 AS regclass))", (self.at.relation,))[0][0] or 0)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of a query in DuckDB's dialect, answered there."""
        return self.reading.rows(_parsed(query).sql("postgres"))

    def ask_perhaps(self, query: str) -> list[tuple[Any, ...]] | None:
        """The same; None for what can't be said there, or not in the time that the server gives."""
        from sqlglot.errors import SqlglotError

        try:
            translated = _parsed(query).sql("postgres")
            self.reading.do("SAVEPOINT perhaps")
            return self.reading.rows(translated)
        except SqlglotError:
            return None
        except WorkbenchError:
            self.reading.do("ROLLBACK TO SAVEPOINT perhaps")
            return None

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
        if self._setting("server_encoding") != "UTF8":
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
