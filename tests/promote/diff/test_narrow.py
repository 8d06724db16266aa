"""Narrowing by hashes finds what comparing every row by value finds, however rows differ."""

from __future__ import annotations

import ibis
import numpy as np
import pytest

from workbench.promote.diff import buckets, diff, narrow, signature

BASE = """
    SELECT i AS id, i // 3 AS "group", (i * 7919 % 1000)::DOUBLE / 7 AS x, 'text ' || (i % 100) AS label,
           DATE '2024-01-01' + (i % 365)::INT AS day, CASE WHEN i % 11 > 0 THEN (i % 50)::DECIMAL(9, 2) END AS amount
    FROM range(20000) t(i)
"""
CHANGES = {
    "nothing": "FROM base",
    "nothing but the order": "FROM base ORDER BY hash(id)",
    "a few values": "SELECT * REPLACE (CASE WHEN id % 997 = 0 THEN label || '!' ELSE label END AS label) FROM base",
    "rows come and go": "FROM base WHERE id % 501 > 0 UNION ALL SELECT * REPLACE (-id AS id) FROM base WHERE id % 700 = 1",
    "copies come": "FROM base UNION ALL FROM base WHERE id % 900 = 0 UNION ALL FROM base WHERE id % 1800 = 0",
    "noise everywhere": "SELECT * REPLACE (x * (1 + 1e-12) AS x) FROM base",
    "noise everywhere, some other values": """
        SELECT * REPLACE (x * (1 + 1e-12) AS x, CASE WHEN id % 700 = 3 THEN amount + 1 ELSE amount END AS amount)
        FROM base WHERE id % 800 > 0""",
    "noise everywhere in another order": "SELECT * REPLACE (x * (1 + 1e-12) AS x) FROM base ORDER BY hash(id)",
    "values swapped between neighbours": """
        SELECT * REPLACE (CASE WHEN id % 400 < 2 THEN 1 - id % 2 + 40 ELSE id % 50 END AS amount) FROM base""",
    "half of the rows gone": "FROM base WHERE id % 2 = 0",
    "everything else": "SELECT * REPLACE (x + 1 AS x, label || '?' AS label, day + 1 AS day) FROM base",
    "a hot key": "SELECT * REPLACE (CASE WHEN id < 4000 THEN 5 ELSE id END AS id) FROM base",
}


@pytest.fixture(scope="module")
def con():
    con = ibis.duckdb.connect()
    con.raw_sql(f"CREATE TABLE base AS {BASE}")
    for i, change in enumerate(CHANGES.values()):
        con.raw_sql(f"CREATE TABLE candidate{i} AS {change}")
    return con


@pytest.mark.parametrize("rel_tol", [0.0, 1e-9])
@pytest.mark.parametrize("key", [("id",), ("group",), ()], ids=["unique key", "key with copies", "no key"])
@pytest.mark.parametrize("change", CHANGES)
def test_narrowing_changes_nothing_about_the_answer(con, monkeypatch, change, key, rel_tol):
    monkeypatch.setattr(narrow, "SMALL", 1000)
    monkeypatch.setattr(narrow, "_PROBE", 512)
    monkeypatch.setattr(signature, "_PIECE", 7000)
    monkeypatch.setattr(buckets, "_STEP", 1000)
    base, candidate = con.table("base"), con.table(f"candidate{list(CHANGES).index(change)}")
    options = {"key": key, "rel_tol": rel_tol, "distributions": False}
    assert diff(base, candidate, **options).to_json() == diff(base, candidate, verify=True, **options).to_json()
    assert not con.raw_sql("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall()


def test_samples_are_the_lowest_keys_also_where_all_rows_changed(con, monkeypatch):
    monkeypatch.setattr(narrow, "SMALL", 1000)
    found = diff(con.table("base"), con.table(f"candidate{list(CHANGES).index('noise everywhere')}"), key=["id"], samples=3)
    assert [row.key["id"] for row in found.samples.changed] == [1, 2, 3]
    assert found.rows.changed > 15_000


def test_equal_sums_without_the_key_are_no_proof(monkeypatch):
    monkeypatch.setattr(narrow, "SMALL", -1)
    con = ibis.duckdb.connect()
    base = con.create_table("base", {"id": [1, 2, 3], "v": [10, 20, 30]})
    candidate = con.create_table("candidate", {"id": [1, 2, 3], "v": [20, 10, 30]})
    assert diff(base, candidate, key=["id"]).rows.changed == 2


@pytest.mark.parametrize(
    "pair",
    [
        ("NULL::INT[]", "[]::INT[]"),
        ("[]::INT[]", "[NULL]::INT[]"),
        ("[[1], [2]]", "[[1, 2]]"),
        ("NULL::STRUCT(a INT)", "{'a': NULL::INT}"),
    ],
)
def test_nested_values_that_the_engine_hashes_alike_are_told_apart(monkeypatch, pair):
    monkeypatch.setattr(narrow, "SMALL", -1)
    con = ibis.duckdb.connect()
    for name, value in zip(("base", "candidate"), pair, strict=True):
        con.raw_sql(f"CREATE TABLE {name} AS SELECT 1 AS id, {value} AS v")
    assert diff(con.table("base"), con.table("candidate"), key=["id"]).rows.changed == 1


@pytest.mark.parametrize("rel_tol", [0.0, 1e-9])
@pytest.mark.parametrize("change", ["nothing", "rows come and go", "copies come", "noise everywhere, some other values"])
def test_signatures_too_large_for_memory_give_the_same_answer(con, monkeypatch, change, rel_tol):
    monkeypatch.setattr(narrow, "SMALL", 1000)
    monkeypatch.setattr(signature, "_HELD", 15_000)
    monkeypatch.setattr(signature, "_BESIDE", 15_000)
    monkeypatch.setattr(signature, "_BATCH", 4096)
    base, candidate = con.table("base"), con.table(f"candidate{list(CHANGES).index(change)}")
    options = {"key": ["id"], "rel_tol": rel_tol, "distributions": False}
    assert diff(base, candidate, **options).to_json() == diff(base, candidate, verify=True, **options).to_json()


@pytest.mark.parametrize("name", ["id", "RowId"])
def test_numbers_of_rows_have_gaps_and_may_be_the_name_of_a_column(monkeypatch, name):
    monkeypatch.setattr(narrow, "SMALL", -1)
    monkeypatch.setattr(signature, "_PIECE", 2048)
    con = ibis.duckdb.connect()
    for table in ("base", "candidate"):
        con.raw_sql(f'CREATE TABLE {table} AS SELECT 10000 - i AS "{name}", i // 3 AS v FROM range(10000) t(i)')
        con.raw_sql(f"DELETE FROM {table} WHERE v % 5 = 0")
    con.raw_sql("UPDATE candidate SET v = -1 WHERE v >= 3331")
    base, candidate = con.table("base"), con.table("candidate")
    assert diff(base, candidate, key=[name]).to_json() == diff(base, candidate, key=[name], verify=True).to_json()
    assert diff(base, candidate, key=[name]).rows.changed == 7


def test_copies_of_a_key_of_which_some_lie_at_the_same_place_pair_up_as_ever(monkeypatch):
    monkeypatch.setattr(narrow, "SMALL", -1)
    con = ibis.duckdb.connect()
    base = con.create_table("base", {"id": [1, 2, 2, 3, 4], "v": [1, 2, 3, 4, 5], "t": list("abcde")})
    candidate = con.create_table("candidate", {"id": [1, 2, 2, 3, 4], "v": [1, 2, 1, 4, 5], "t": list("abcde")})
    found = diff(base, candidate, key=["id"])
    assert found.to_json() == diff(base, candidate, key=["id"], verify=True).to_json()
    assert found.samples.changed[0].base == {"v": 3, "t": "c"}


def test_a_row_of_zeros_is_missed_neither_with_a_key_nor_without(monkeypatch):
    monkeypatch.setattr(narrow, "SMALL", -1)
    con = ibis.duckdb.connect()
    base = con.create_table("base", {"id": [0, 1, 2], "v": [0, 1, 2]})
    candidate = con.create_table("candidate", {"id": [3, 1, 2], "v": [3, 1, 2]})
    for key in (["id"], []):
        found = diff(base, candidate, key=key).rows
        assert (found.added, found.removed) == (1, 1)


@pytest.mark.parametrize("copies", [2, 3, 300])
def test_one_key_hash_with_copies_among_many_is_found(copies):
    keys = np.random.default_rng(7).integers(0, 2**64, 50_000, dtype=np.uint64)
    again = np.concatenate([keys, np.repeat(keys[:1], copies - 1)])
    assert buckets.unique(lambda: [(keys, keys)])
    assert not buckets.unique(lambda: [(again, again)])
