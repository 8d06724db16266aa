"""Values of types that few tables have: each differs from each other one, and from nothing else."""

from __future__ import annotations

import ibis
import pytest

from workbench.promote.diff import diff, narrow

TYPES = {
    "UNION(n INTEGER, s VARCHAR)": (
        "union_value(s := NULL::VARCHAR)",
        "union_value(s := 'NULL')",
        "union_value(n := NULL::INTEGER)",
        "union_value(n := 1)",
        "union_value(s := '1')",
        "NULL",
    ),
    "UNION(n INTEGER, s DOUBLE[])[]": (
        "[union_value(s := [1.0::DOUBLE])]",
        "[union_value(n := 1)]",
        "[NULL]",
        "[]",
        "[union_value(s := NULL::DOUBLE[])]",
    ),
    "VARCHAR COLLATE NOCASE": ("'a'", "'A'", "'b'", "NULL"),
    "VARCHAR COLLATE NOACCENT": ("'e'", "'é'"),
    "INTEGER[2]": ("[1, 2]", "[2, 1]", "[1, NULL]", "[NULL, NULL]", "NULL"),
    "STRUCT(a FLOAT[2], b DOUBLE)": ("{'a': [1, 2], 'b': 1}", "{'a': [2, 1], 'b': 1}", "{'a': NULL, 'b': 1}", "NULL"),
    "MAP(VARCHAR, INTEGER[1][])": ("MAP {'a': [[1]]}", "MAP {'a': [[NULL]]}", "MAP {'a': [NULL]}", "MAP {'a': []}", "NULL"),
}


@pytest.fixture(scope="module")
def con():
    con = ibis.duckdb.connect(threads=1)
    yield con
    con.disconnect()


def rows_of(con: ibis.BaseBackend, name: str, kind: str, values: list[str]) -> ibis.Table:
    con.raw_sql(f"CREATE OR REPLACE TABLE {name} (id INTEGER, v {kind})")
    con.raw_sql(f"INSERT INTO {name} VALUES {', '.join(f'({i}, {value})' for i, value in enumerate(values))}")
    return con.table(name)


@pytest.mark.parametrize("small", [-1, 10**6])
@pytest.mark.parametrize("kind", TYPES)
def test_each_value_differs_from_each_other_one(con, monkeypatch, kind, small):
    monkeypatch.setattr(narrow, "SMALL", small)
    values = TYPES[kind]
    pairs = [(one, other) for one in values for other in values]
    base, candidate = (rows_of(con, name, kind, [pair[i] for pair in pairs]) for i, name in enumerate(("base", "candidate")))
    found = diff(base, candidate, key=["id"], samples=100)
    changed = {row.key["id"] for row in found.samples.changed}
    assert changed == {i for i, (one, other) in enumerate(pairs) if one != other}
    # As a key, and as a part of rows that have none.
    base, candidate = (con.sql(f"SELECT v, 1 AS n FROM {name}") for name in ("base", "candidate"))
    assert diff(base, candidate, key=["v"]).identical
    assert diff(base, candidate).identical
    some = con.sql("SELECT v, 1 AS n FROM candidate WHERE id > 0 UNION ALL SELECT v, 2 FROM candidate WHERE id > 0")
    for key in ("", "v", "n"):
        rows = diff(base, some, key=[*key]).rows
        assert (rows.added - rows.removed, rows.changed) == (len(pairs) - 2, int(key == "v"))


def test_values_of_any_type_in_one_column_are_not_compared(con):
    con.raw_sql("CREATE OR REPLACE TABLE base AS SELECT 1 AS id, 1::VARIANT AS v")
    con.raw_sql("CREATE OR REPLACE TABLE candidate AS SELECT 1 AS id, '1'::VARIANT AS v")
    found = diff(con.table("base"), con.table("candidate"), key=["id"])
    assert found.schema.not_compared == ("v",)
    assert not found.identical


def test_a_collation_of_the_session_makes_no_texts_equal(con):
    tables = [
        rows_of(con, name, "VARCHAR", values) for name, values in (("base", ["'a'", "'b'"]), ("candidate", ["'A'", "'b'"]))
    ]
    con.raw_sql("SET default_collation = 'nocase'")
    try:
        assert diff(*tables, key=["id"]).rows.changed == 1
        assert con.raw_sql("SELECT 'a' = 'A'").fetchall() == [(True,)]
    finally:
        con.raw_sql("RESET default_collation")
