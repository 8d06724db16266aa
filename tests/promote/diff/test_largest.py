"""The largest changes: right against plain arithmetic, exact, and the same on every way through the comparison."""

from __future__ import annotations

import random

import ibis
import pytest

from workbench.promote.diff import diff, narrow


def tables(base: str, candidate: str):
    con = ibis.duckdb.connect()
    con.raw_sql(f"CREATE TABLE b AS {base}")
    con.raw_sql(f"CREATE TABLE c AS {candidate}")
    return con.table("b"), con.table("c")


@pytest.mark.parametrize("small", [narrow.SMALL, 0])
def test_they_are_those_that_moved_most(monkeypatch, small):
    monkeypatch.setattr(narrow, "SMALL", small)
    luck = random.Random(4)
    old = {i: luck.uniform(-100, 100) for i in range(3000)}
    new = {i: value + luck.choice([0, 0, 1e-3, -50, 7]) * luck.random() for i, value in old.items()}
    con = ibis.duckdb.connect()
    base, candidate = (
        con.create_table(name, {"id": list(data), "x": list(data.values())}) for name, data in (("b", old), ("c", new))
    )
    found = diff(base, candidate, key=["id"], largest=7).largest["x"]
    expected = sorted(old, key=lambda i: -abs(new[i] - old[i]))[:7]
    assert [move.key for move in found] == [{"id": i} for i in expected]
    assert [move.delta for move in found] == [new[i] - old[i] for i in expected]


def test_integers_and_decimals_are_exact_and_what_has_no_size_is_left_out():
    base, candidate = tables(
        "SELECT * FROM (VALUES (1, 9007199254740993, 0.10, 1::DOUBLE), (2, 1, 1.00, NULL), (3, 5, NULL, 'nan'), (4, 5, 2, 3)) "
        't(id, "a b", d, f)',
        "SELECT * FROM (VALUES (1, 9007199254740995, 0.30, 'inf'::DOUBLE), (2, 1, 1.00, 2), (3, 5, 1, 1), (4, 5, 2, 1)) "
        't(id, "a b", d, f)',
    )
    found = diff(base, candidate, key=["id"], largest=3).largest
    assert [(move.key, move.delta) for move in found["a b"]] == [({"id": 1}, 2)]
    assert [(move.base, move.delta) for move in found["d"]] == [("0.10", "0.20")]
    assert [(move.key, move.delta) for move in found["f"]] == [({"id": 4}, -2.0)]


def test_a_wider_type_moves_too_and_ties_come_in_the_order_of_the_key():
    base, candidate = tables(
        "SELECT i::INT AS id, 0::INT AS x FROM range(9, 0, -1) t(i)",
        "SELECT i::INT AS id, 1.5::DOUBLE AS x FROM range(1, 10) t(i)",
    )
    found = diff(base, candidate, key=["id"], largest=3).largest["x"]
    assert [(move.key["id"], move.delta) for move in found] == [(1, 1.5), (2, 1.5), (3, 1.5)]


def test_none_without_a_key_or_unless_asked_for():
    base, candidate = tables("SELECT 1 AS id, 2 AS x", "SELECT 1 AS id, 3 AS x")
    assert diff(base, candidate, largest=3).largest == {}
    assert diff(base, candidate, key=["id"]).largest == {}
    assert diff(base, candidate, key=["id"], largest=3).largest["x"][0].delta == 1
