"""A local step is a pure function from tables to one table of the declared schema, the same wherever it runs."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import ibis
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from workbench.errors import GuardRefused, UsageError
from workbench.runtime.local import holds_rows, inputs_of, local
from workbench.runtime.require import require
from workbench.runtime.sql import sql


@pytest.fixture
def flights():
    con = ibis.duckdb.connect()
    con.con.execute(
        "CREATE TABLE flights AS SELECT * FROM (VALUES ('LGA', 3, DATE '2013-01-02'), ('JFK', NULL, DATE '2013-01-01'), "
        "('JFK', 7, DATE '2013-01-01')) t(origin, delay, day)"
    )
    return con.table("flights")


def rows(table):
    return table.to_pyarrow().to_pylist()


@pytest.mark.parametrize("frames", ["pandas", "polars", "pyarrow"])
def test_each_kind_of_frame_goes_in_and_comes_out_with_its_nulls_and_dates(flights, frames):
    seen = []

    @local(schema={"origin": "string", "delay": "int32", "day": "date"}, frames=frames)
    def same(table):
        seen.append(type(table).__module__.partition(".")[0])
        return table

    assert rows(same(flights)) == [
        {"origin": "JFK", "delay": 7, "day": dt.date(2013, 1, 1)},
        {"origin": "JFK", "delay": None, "day": dt.date(2013, 1, 1)},
        {"origin": "LGA", "delay": 3, "day": dt.date(2013, 1, 2)},
    ]
    assert seen == [frames]
    assert same(flights).schema() == ibis.schema({"origin": "string", "delay": "int32", "day": "date"})


def test_rows_come_in_one_order_whatever_order_they_are_stored_in():
    @local(schema={"n": "int64", "k": "int64", "place": "int64"})
    def placed(table):
        return table.assign(place=range(len(table)))

    con = ibis.duckdb.connect()
    found = []
    for order in ("n", "n DESC"):
        con.con.execute(f"CREATE OR REPLACE TABLE t AS SELECT n, n % 3 AS k FROM range(500) r(n) ORDER BY {order}")
        table = con.table("t")
        found.append(
            (rows(placed(table)), rows(placed(table.order_by(ibis.desc("k")))), rows(placed(table.order_by("n").limit(9))))
        )
    assert found[0] == found[1]
    everything, ordered, first = found[0]
    assert [row["n"] for row in everything] == list(range(500))
    assert [row["k"] for row in ordered] == sorted((n % 3 for n in range(500)), reverse=True)
    assert [row["n"] for row in first] == list(range(9))


def test_no_rows_give_no_rows_of_the_declared_types(flights):
    @local(schema={"origin": "string", "mean": "float64", "day": "date"})
    def means(table):
        return table.groupby(["origin", "day"], as_index=False).agg(mean=("delay", "mean"))

    found = means(flights.filter(flights.delay > 100))
    assert rows(found) == []
    assert found.schema() == ibis.schema({"origin": "string", "mean": "float64", "day": "date"})


def test_other_arguments_reach_the_function_as_they_are(flights):
    @local(schema={"n": "int64"})
    def counted(*tables, least, **more):
        return pd.DataFrame({"n": [sum((table.delay > least).sum() for table in tables) + len(more["extra"])]})

    assert rows(counted(flights, flights, least=2, extra=flights)) == [{"n": 7}]


def test_a_function_without_any_table_is_called_as_well():
    @local(schema={"n": "int64"})
    def numbers(most):
        return pa.table({"n": list(range(most))})

    assert [row["n"] for row in rows(numbers(3))] == [0, 1, 2]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (pd.Series([1.0, None]), "int64", [1, None]),
        (pd.Series([1, 2]), "decimal(9, 2)", [Decimal("1.00"), Decimal("2.00")]),
        (pd.Series([Decimal("1.5"), None]), "decimal(9, 2)", [Decimal("1.50"), None]),
        (pd.Series(["a", None], dtype="category"), "string", ["a", None]),
        (pd.Series(pd.to_datetime(["2020-01-02", None])), "date", [dt.date(2020, 1, 2), None]),
        (pd.Series([None, None], dtype=object), "timestamp", [None, None]),
        (pl.Series([[1, 2], None]), "array<int64>", [[1, 2], None]),
        (pl.Series([True, None]), "boolean", [True, None]),
    ],
)
def test_values_become_the_declared_type_where_none_is_changed(values, kind, expected):
    frames = "polars" if isinstance(values, pl.Series) else "pandas"
    made = pl.DataFrame({"x": values}) if frames == "polars" else pd.DataFrame({"x": values})
    step = local(schema={"x": kind}, frames=frames)(lambda: made)
    assert [row["x"] for row in rows(step())] == expected


@pytest.mark.parametrize(
    ("frame", "schema", "says"),
    [
        (pd.DataFrame({"x": [1.5]}), {"x": "int64"}, "column x is declared int64: Float value 1.5"),
        (pd.DataFrame({"x": ["1"]}), {"x": "int64"}, "column x is declared int64, and holds"),
        (pd.DataFrame({"x": [True]}), {"x": "int64"}, "column x is declared int64, and holds bool"),
        (pd.DataFrame({"x": [300]}), {"x": "uint8"}, "column x is declared uint8"),
        (pd.DataFrame({"x": [1, None]}), {"x": "!int64"}, "column x is declared without NULL, and holds 1"),
        (pd.DataFrame({"x": pd.to_datetime(["2020-01-02 10:00"])}), {"x": "date"}, "a time of day would be lost"),
        (pd.DataFrame({"x": pd.to_datetime(["2020-01-02 10:00Z"])}), {"x": "timestamp"}, "column x is declared timestamp"),
        (pd.DataFrame({"x": [1, "a"]}), {"x": "string"}, "values of several types"),
        (pd.DataFrame({"x": [1], "y": [2]}), {"x": "int64"}, "has 'y', which schema= does not declare"),
        (pd.DataFrame({"y": [2]}), {"x": "int64"}, "lacks x and has 'y'"),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), {"x": "int64"}, "has two columns of one name"),
        (pd.DataFrame({"y": [2]}, index=pd.Index([1], name="x")), {"x": "int64", "y": "int64"}, "lacks x"),
        (pd.Series([1]), {"x": "int64"}, "returned a Series"),
        ({"x": [1]}, {"x": "int64"}, "returned a dict"),
        (None, {"x": "int64"}, "returned nothing"),
        (ibis.memtable({"x": [1]}), {"x": "int64"}, "returned a Table"),
    ],
)  # fmt: skip
def test_a_result_of_another_schema_is_named_with_its_column(frame, schema, says):
    with pytest.raises(UsageError) as caught:
        local(schema=schema)(lambda: frame)()
    assert says in caught.value.message
    assert caught.value.hint


def test_the_index_of_a_pandas_frame_is_named_as_what_it_is():
    frame = pd.DataFrame({"y": [2]}, index=pd.Index([1], name="x"))
    with pytest.raises(UsageError) as caught:
        local(schema={"x": "int64", "y": "int64"})(lambda: frame)()
    assert "reset_index" in caught.value.hint


def test_more_rows_than_declared_are_refused_on_the_way_in_and_out(flights):
    @local(schema={"n": "int64"}, max_rows=2)
    def counted(table):
        return pd.DataFrame({"n": [len(table)]})

    @local(schema={"n": "int64"}, max_rows=2)
    def grown(table):
        return pd.DataFrame({"n": range(3)})

    with pytest.raises(GuardRefused, match="local step counted: table has more than 2 rows"):
        counted(flights)
    with pytest.raises(GuardRefused, match="local step grown: its result has more than 2 rows"):
        grown(flights.limit(1))
    assert rows(counted(flights.limit(2))) == [{"n": 2}]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"schema": {}}, "does not map columns"),
        ({"schema": {"x": "int46"}}, "column x has the type 'int46'"),
        ({"schema": {"x": "interval('s')"}}, "which frames do not share"),
        ({"schema": {"x": "int64"}, "frames": "dask"}, "frames='dask' is none of"),
        ({"schema": {"x": "int64"}, "max_rows": 0}, "max_rows=0 is no number of rows"),
    ],
)
def test_a_declaration_that_can_not_stand_is_refused_where_it_stands(arguments, says):
    with pytest.raises(UsageError) as caught:
        local(**arguments)(lambda: None)
    assert says in caught.value.message


def test_only_tables_and_plain_values_are_given(flights):
    step = local(schema={"n": "int64"})(lambda given: pd.DataFrame({"n": [1]}))
    for wrong in (flights.delay, flights.delay.max(), [flights], {"a": [flights.delay]}):
        with pytest.raises(UsageError, match="given"):
            step(wrong)
    with pytest.raises(UsageError, match="by default"):
        local(schema={"n": "int64"})(lambda given=flights: None)


def test_equal_results_are_one_table_and_others_are_not(flights):
    def declared(add):
        return local(schema={"n": "int64"})(lambda table: pd.DataFrame({"n": table.delay.fillna(0).astype(int) + add}))

    one, same, other = declared(1)(flights), declared(1)(flights), declared(2)(flights)
    assert one.equals(same)
    assert not one.equals(other)
    assert rows(one.union(same).aggregate(n=lambda t: t.n.sum())) == [{"n": 26}]
    assert sorted(row["n"] for row in rows(one.join(other, "n", how="inner"))) == []


def test_a_result_goes_on_in_ibis_and_in_sql_beside_other_tables(flights):
    @local(schema={"origin": "string", "rank": "int64"})
    def ranked(table):
        return table.groupby("origin", as_index=False).agg(rank=("delay", "size"))

    found = flights.join(ranked(flights), "origin").select("origin", "delay", "rank")
    assert sorted((row["origin"], row["rank"]) for row in rows(found)) == [("JFK", 2), ("JFK", 2), ("LGA", 1)]
    asked = sql(
        "SELECT origin, rank + 1 AS more FROM ranks JOIN flights USING (origin)", ranks=ranked(flights), flights=flights
    )
    assert sorted(row["more"] for row in rows(asked)) == [2, 3, 3]
    require(ranked(flights).count() == 2, "two origins")


def test_without_data_a_step_has_a_shape_that_tells_its_inputs_and_arguments():
    calls = []

    @local(schema={"n": "int64"})
    def step(table, least):
        calls.append(least)
        return table

    unbound = ibis.table({"origin": "string"}, name="flights")
    one, same, other = step(unbound, 1), step(unbound, 1), step(unbound, 2)
    assert calls == []
    assert ibis.to_sql(one) == ibis.to_sql(same)
    assert ibis.to_sql(one) != ibis.to_sql(other)
    assert inputs_of(one.op()) == (unbound.op(),)
    assert inputs_of(unbound.op()) == ()


def test_what_a_step_read_can_be_told_from_its_result(flights):
    step = local(schema={"n": "int64"})(lambda table: pd.DataFrame({"n": [len(table)]}))
    late = flights.filter(flights.delay > 5)
    assert late.op() in inputs_of(step(late).op())
    assert holds_rows(step(late).mutate(more=1))
    assert not holds_rows(late.cross_join(ibis.memtable({"n": [1]})))


def test_an_error_inside_the_function_is_its_own(flights):
    @local(schema={"n": "int64"})
    def broken(table):
        raise ZeroDivisionError("by hand")

    with pytest.raises(ZeroDivisionError, match="by hand"):
        broken(flights)
