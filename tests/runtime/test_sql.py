"""``wb.sql``: one more lazy table, over the tables that it was given and no others."""

from __future__ import annotations

import ibis
import pytest

from workbench.errors import UsageError
from workbench.runtime.sql import sql


@pytest.fixture
def flights():
    con = ibis.duckdb.connect()
    return con.create_table("raw", ibis.memtable({"origin": ["JFK", "LGA", "JFK"], "delay": [1, 20, None]}))


def rows(table):
    return sorted(map(tuple, (row.values() for row in table.to_pyarrow().to_pylist())))


def test_a_query_reads_the_tables_under_the_names_given(flights):
    late = flights.filter(flights.delay > 5)
    found = sql(
        "SELECT a.origin, count(*) AS n FROM all_ a JOIN late USING (origin) GROUP BY a.origin", all_=flights, late=late
    )
    assert rows(found) == [("LGA", 1)]
    assert isinstance(found, ibis.expr.types.Table)


def test_a_query_may_have_with_clauses_of_its_own_and_be_built_upon(flights):
    found = sql('WITH late AS (SELECT * FROM "Flights" WHERE delay > 5) SELECT * FROM late', Flights=flights)
    assert rows(found.mutate(twice=found.delay * 2).select("origin", "twice")) == [("LGA", 40)]


def test_literal_tables_may_take_part(flights):
    names = ibis.memtable({"origin": ["JFK"], "name": ["Kennedy"]})
    assert (
        rows(
            sql(
                "SELECT name FROM flights JOIN names USING (origin)",
                flights=flights,
                names=flights.select("origin").join(names, "origin"),
            )
        )
        == [("Kennedy",)] * 4
    )


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELECT * FROM raw", "reads 'raw'"),
        ("SELECT * FROM main.flights", "reads 'main.flights'"),
        ("SELECT * FROM read_csv('x.csv'), flights", "READ_CSV"),
        ("SELECT * FROM 'x.parquet'", "x.parquet"),
        ("DELETE FROM flights", "no single SELECT"),
        ("SELECT 1; SELECT 2", "no single SELECT"),
        ("SELECT * FROM (", "does not parse"),
    ],
)
def test_what_is_no_query_over_the_given_tables_is_refused(flights, query, says):
    with pytest.raises(UsageError, match=says):
        sql(query, flights=flights)


def test_a_query_needs_tables_of_one_database(flights):
    other = ibis.duckdb.connect().create_table("other", ibis.memtable({"a": [1]}))
    with pytest.raises(UsageError, match="different databases"):
        sql("SELECT * FROM flights, other", flights=flights, other=other)
    with pytest.raises(UsageError, match="no table"):
        sql("SELECT 1")


def test_a_query_may_be_recursive_and_be_built_upon(flights):
    steps = sql(
        "WITH RECURSIVE up(n) AS (SELECT 0 UNION ALL SELECT n + 10 FROM up WHERE n < 20) "
        "SELECT n, count(delay) AS late FROM up LEFT JOIN flights ON delay >= n GROUP BY n",
        flights=flights,
    )
    assert rows(steps) == [(0, 2), (10, 1), (20, 1)]
    assert rows(sql("SELECT max(n) AS most FROM steps", steps=steps.filter(steps.late > 0))) == [(20,)]


def test_names_of_a_with_clause_come_before_those_given_and_hold_within_it_alone(flights):
    inner = sql("WITH flights AS (SELECT 'x' AS origin) SELECT * FROM flights", flights=flights)
    assert rows(inner) == [("x",)]
    query = "SELECT origin FROM flights UNION ALL SELECT * FROM (WITH flights AS (SELECT 'x') SELECT * FROM flights)"
    with pytest.raises(UsageError, match="reads 'flights', which it was not given"):
        sql(query, other=flights)
    assert rows(sql(query, flights=flights)) == [("JFK",), ("JFK",), ("LGA",), ("x",)]
