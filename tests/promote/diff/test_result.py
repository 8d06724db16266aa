"""What a comparison says about values: plain JSON, distributions, and the same answer every time."""

from __future__ import annotations

import json

import ibis
import pytest

from workbench.promote.diff import TableDiff, diff
from workbench.promote.diff.fuzzy import Tolerance


@pytest.fixture
def con():
    con = ibis.duckdb.connect()
    con.raw_sql("""
        CREATE TABLE base AS SELECT i AS id, (i % 100)::DOUBLE AS x, ['a', 'b', 'c'][(i % 3 + 1)::INT] AS label,
               TIMESTAMP '2024-01-01' + INTERVAL 1 HOUR * i AS seen, (i / 3)::DECIMAL(18, 4) AS price
        FROM range(2000) t(i)""")
    con.raw_sql("""
        CREATE TABLE candidate AS SELECT * REPLACE (x * 2 AS x, CASE WHEN id % 5 > 0 THEN label END AS label,
               CASE WHEN id < 30 THEN seen + INTERVAL 1 DAY ELSE seen END AS seen, price + 0.0001 AS price), id % 2 = 0 AS even
        FROM base""")
    return con


def test_distributions_are_of_changed_and_added_columns_only(con):
    found = diff(con.table("base"), con.table("candidate"), key=["id"]).to_json()["distributions"]
    assert list(found) == ["x", "label", "seen", "price", "even"]
    assert found["x"]["base"] | {"quantiles": None} == {
        "count": 2000, "null_share": 0.0, "not_finite": 0, "min": 0.0, "max": 99.0, "mean": 49.5, "distinct": 100,
        "quantiles": None,
    }  # fmt: skip
    assert found["x"]["candidate"]["quantiles"]["p50"] == 2 * found["x"]["base"]["quantiles"]["p50"]
    assert sum(found["x"]["bins"]["base"]) == sum(found["x"]["bins"]["candidate"]) == 2000
    assert found["x"]["psi"] > 0.1
    assert found["label"]["candidate"]["null_share"] == 0.2
    assert found["label"]["top"][0] == {"value": "a", "base": 667, "candidate": 533}
    assert found["seen"]["period"] in ("day", "week", "month")
    assert sum(each["base"] for each in found["seen"]["counts"]) == 2000
    assert found["even"]["base"] is None
    assert diff(con.table("base"), con.table("base"), key=["id"]).distributions == {}


def test_no_value_breaks_a_distribution():
    con = ibis.duckdb.connect()
    for name, first in (("base", "NULL"), ("candidate", "'nan'")):
        con.raw_sql(f"""
            CREATE TABLE {name} AS SELECT i AS id, CASE i WHEN 0 THEN {first} WHEN 1 THEN 'inf' WHEN 2 THEN '-0.0' END::DOUBLE
                AS x,
                CASE WHEN i = 0 THEN ({first} IS NULL)::VARCHAR END AS t, CASE WHEN i = 0 THEN 'infinity'::DATE END AS d,
                [i + ({first} IS NULL)::INT] AS l, NULL::INT AS n FROM range(3) t(i)""")
    con.raw_sql("UPDATE candidate SET d = '-infinity' WHERE id = 0; UPDATE candidate SET n = 1")
    found = diff(con.table("base"), con.table("candidate"), key=["id"]).to_json()
    json.dumps(found, allow_nan=False)
    assert found["samples"]["changed"][0]["candidate"]["x"] == "NaN"
    assert found["distributions"]["x"]["candidate"]["not_finite"] == 2
    assert found["distributions"]["n"]["base"]["min"] is None


def test_values_in_samples_are_exact():
    con = ibis.duckdb.connect()
    row = "9007199254740993 AS big, 1.10::DECIMAL(9, 2) AS price, '2024-01-01 00:00:00.000000001'::TIMESTAMP_NS AS ns, "
    row += "'2024-01-01 12:00:00+02'::TIMESTAMPTZ AS seen, '\\x01'::BLOB AS raw, {'a': [1]} AS nested, "
    row += "INTERVAL '1 month' AS span"
    con.raw_sql("SET TimeZone = 'Asia/Tokyo'")
    con.raw_sql(f"CREATE TABLE base AS SELECT 1 AS id, {row} WHERE FALSE")
    con.raw_sql(f"CREATE TABLE c AS SELECT 1 AS id, {row}")
    (sample,) = diff(con.table("base"), con.table("c"), key=["id"]).to_json()["samples"]["added"]
    assert sample == {
        "id": 1, "big": "9007199254740993", "price": "1.10", "ns": "2024-01-01 00:00:00.000000001",
        "seen": "2024-01-01 10:00:00+00",
        "raw": "\\x01", "nested": "{'a': [1]}", "span": "1 month",
    }  # fmt: skip


def test_raw_values_are_shown_where_others_were_compared():
    con = ibis.duckdb.connect()
    con.raw_sql("CREATE TABLE b AS SELECT 'K' AS id, 'A' AS v, DATE '2024-01-01' AS d")
    con.raw_sql("CREATE TABLE c AS SELECT 'k' AS id, 'B' AS v, TIMESTAMP '2024-01-01 01:00:00' AS d")
    (sample,) = diff(con.table("b"), con.table("c"), key=["id"], ignore_case=True).samples.changed
    assert (sample.base, sample.candidate) == ({"v": "A", "d": "2024-01-01"}, {"v": "B", "d": "2024-01-01 01:00:00"})


def test_equal_inputs_give_equal_documents_whatever_the_threads(con):
    documents = set()
    for threads in (1, 2, 4):
        con.raw_sql(f"SET threads = {threads}")
        documents.add(json.dumps(diff(con.table("base"), con.table("candidate"), key=["id"]).to_json()))
    assert len(documents) == 1
    document = json.loads(documents.pop())
    assert TableDiff.from_json(document).to_json() == document


def test_samples_come_in_the_order_of_the_key(con):
    found = diff(con.table("base"), con.table("candidate"), key=["id"], samples=3)
    assert [row.key["id"] for row in found.samples.changed] == [0, 1, 2]
    assert diff(con.table("base"), con.table("candidate"), key=["id"], samples=0).samples.changed == ()


def test_a_condition_chooses_the_changed_rows(con):
    found = diff(
        con.table("base"),
        con.table("candidate"),
        key=["id"],
        samples=2,
        where="delta_x >= 50 AND base_label = 'b' AND id > 500",
    )
    assert [row.key["id"] for row in found.samples.changed] == [550, 553]
    assert found.rows.changed == 2000


@pytest.mark.parametrize("tolerance", [Tolerance(0.25, 1e-3), Tolerance(0.0072585260144651526)])
def test_tolerance_in_words_and_in_sql_agree(tolerance):
    values = [
        None,
        tolerance.absolute,
        float("nan"),
        float("inf"),
        float("-inf"),
        0.0,
        -0.0,
        0.25,
        0.26,
        1000.0,
        1001.0,
        1001.01,
        1e308,
        -1e308,
    ]
    con = ibis.duckdb.connect().con
    for a in values:
        for b in values:
            sql = f"SELECT {tolerance.same('a', 'b', fuzzy=True)} FROM (SELECT ?::DOUBLE AS a, ?::DOUBLE AS b)"
            assert con.execute(sql, [a, b]).fetchall() == [(tolerance.within(a, b),)], (a, b)
