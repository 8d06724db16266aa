"""The method of db-condenser in our own words: what it asks of a PostgreSQL, in the same order.

Its code is not on a package index, so this is its method and not its code. Of a table that refers to one that was taken, all
rows are copied into a temporary table of the destination and filtered there; of a table that is referred to, the missing keys
are collected as text and asked for by lists of literals. Where it writes with INSERTs of a hundred rows, COPY does here, which
is quicker, so that what is measured is at most its time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

BATCH = 100_000
LISTED = 5_000  # keys of several columns in one query: of more a server with default settings says that its stack is too deep
Link = tuple[str, Sequence[str], str, Sequence[str]]


def subset(
    source: str, destination: str, target: str, where: str, order: Sequence[str], links: Sequence[Link]
) -> dict[str, int]:
    """Rows of each table that a subset has; ``order`` has tables before those that refer to them.

    Both are addresses, the destination's tables are there and empty. A link is child, columns, parent, columns.
    """
    with psycopg.connect(source) as there, psycopg.connect(destination) as here:
        there.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        _copy(there, here, f"SELECT * FROM {target} WHERE {where}", target)
        taken = {target}
        for table in order[order.index(target) + 1 :]:
            upward = [(own, parent, to) for child, own, parent, to in links if child == table and parent in taken]
            if not upward:
                continue
            here.execute(f"CREATE TEMPORARY TABLE subset_temp AS SELECT * FROM {table} LIMIT 0")
            _copy(there, here, f"SELECT * FROM {table}", "subset_temp")
            kept = " AND ".join(f"({', '.join(own)}) IN (SELECT {', '.join(to)} FROM {parent})" for own, parent, to in upward)
            here.execute(f"INSERT INTO {table} SELECT * FROM subset_temp WHERE {kept}")
            here.execute("DROP TABLE subset_temp")
            here.commit()
            taken.add(table)
        for table in reversed(order):
            _complete(there, here, table, [link for link in links if link[2] == table])
        return {table: int(_one(here, f"SELECT count(*) FROM {table}")) for table in order}


def _complete(there: psycopg.Connection, here: psycopg.Connection, table: str, links: Sequence[Link]) -> None:
    """Add the rows of a table that rows of the destination refer to."""
    if not links:
        return
    to = ", ".join(links[0][3])
    here.execute(f"CREATE TEMPORARY TABLE wanted ({', '.join(f'k{number} varchar' for number in range(len(links[0][3])))})")
    for child, own, _, _ in links:
        columns = ", ".join(own)
        query = f"SELECT {columns} FROM {child} WHERE ({columns}) NOT IN (SELECT {to} FROM {table})"
        _copy(here, here, query, "wanted")
    with here.cursor("wanted_keys", withhold=True) as cursor:
        cursor.execute("SELECT DISTINCT * FROM wanted")
        while rows := cursor.fetchmany(BATCH if len(links[0][3]) == 1 else LISTED):
            keys = ",".join("(" + ",".join(f"'{value}'" for value in row) + ")" for row in rows if None not in row)
            _copy(there, here, f"SELECT * FROM {table} WHERE ({to}) IN ({keys})", table)
    here.execute("DROP TABLE wanted")
    here.commit()


def _copy(source: psycopg.Connection, destination: psycopg.Connection, query: str, table: str) -> None:
    with source.cursor("rows_to_copy", withhold=source is destination) as cursor:
        cursor.execute(query)
        while rows := cursor.fetchmany(BATCH):
            with destination.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
    destination.commit()


def _one(con: psycopg.Connection, query: str) -> Any:
    return con.execute(query).fetchall()[0][0]


def declared(keys: Mapping[str, Sequence[str]], links: Sequence[Link]) -> list[str]:
    """Statements that declare keys and references, which it reads from the catalog."""
    found = [f"ALTER TABLE {name} ADD PRIMARY KEY ({', '.join(key)})" for name, key in keys.items()]
    for child, own, parent, to in links:
        found.append(f"ALTER TABLE {child} ADD FOREIGN KEY ({', '.join(own)}) REFERENCES {parent} ({', '.join(to)})")
    return found
