"""Column lineage against answers written by hand: values, filters, join keys, grouping and ordering."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ibis
import ibis.selectors as s
import pandas as pd
import pytest
from ibis import _

import workbench as wb
from workbench.catalog.lineage import column_lineage
from workbench.catalog.privacy import personal_columns
from workbench.catalog.trace import Graph, resolve
from workbench.config import Settings
from workbench.model import top_column
from workbench.runtime.local import inputs_of

T = ibis.table(
    {"id": "int64", "day": "date", "x": "float64", "y": "float64", "ok": "boolean", "tag": "string", "tags": "array<string>",
     "s": "struct<a: int64, b: struct<c: string>>"},
    name="t",
)  # fmt: skip
U = ibis.table({"id": "int64", "name": "string", "w": "float64", "since": "date"}, name="u")
V = ibis.table({"id": "int64", "at": "timestamp", "who": "array<struct<n: string>>", "m": "map<string, float64>"}, name="v")
INPUTS = {"t": "flights", "u": "planes", "v": "events"}


@ibis.udf.scalar.builtin
def damerau_levenshtein(a: str, b: str) -> int: ...


@ibis.udf.scalar.python
def half(x: float) -> float:
    return x / 2


@ibis.udf.agg.builtin
def product(x: float) -> float: ...


def edges(expr: Any) -> set[str]:
    return {f"{each.column} {each.role} {each.input}.{each.input_column}" for each in column_lineage(expr, INPUTS, inputs_of)}


CASES: dict[str, tuple[Callable[[], Any], str]] = {
    "a projection": (lambda: T.select("id", "x"), "id value flights.id; x value flights.x"),
    "a renamed column": (lambda: T.select(late=T.x), "late value flights.x"),
    "a computed column": (lambda: T.select(z=T.x + T.y), "z value flights.x; z value flights.y"),
    "a constant": (lambda: T.select("id", one=ibis.literal(1)), "id value flights.id"),
    "a filter": (lambda: T.filter(T.ok).select("x"), "x value flights.x; * filter flights.ok"),
    "two filters, one on a computed column": (
        lambda: T.mutate(z=T.x * 2).filter(_.z > 1, _.tag == "a").select("id"),
        "id value flights.id; * filter flights.x; * filter flights.tag",
    ),
    "an order": (lambda: T.select("id", "x").order_by("x"), "id value flights.id; x value flights.x; * order flights.x"),
    "the first rows of an order": (
        lambda: T.order_by(ibis.desc("y")).limit(3).select("id"),
        "id value flights.id; * order flights.y",
    ),
    "a grouped aggregate": (
        lambda: T.group_by("day").agg(m=T.x.mean()),
        "day value flights.day; m value flights.x; * group flights.day",
    ),
    "a count of rows": (lambda: T.group_by("tag").agg(n=_.count()), "tag value flights.tag; * group flights.tag"),
    "an aggregate of some rows": (
        lambda: T.agg(m=T.x.sum(where=T.ok)),
        "m value flights.x; m filter flights.ok",
    ),
    "a filter on an aggregate": (
        lambda: T.group_by("tag").agg(n=T.x.sum()).filter(_.n > 1),
        "tag value flights.tag; n value flights.x; * group flights.tag; * filter flights.x",
    ),
    "a group that is computed": (
        lambda: T.group_by(month=T.day.truncate("M")).agg(n=_.count()),
        "month value flights.day; * group flights.day",
    ),
    "an inner join": (
        lambda: T.join(U, "id").select("x", "name"),
        "x value flights.x; name value planes.name; * join flights.id; * join planes.id",
    ),
    "a join of other names": (
        lambda: T.join(U, T.tag == U.name).select(T.x, U.w),
        "x value flights.x; w value planes.w; * join flights.tag; * join planes.name",
    ),
    "an inequality join": (
        lambda: T.join(U, [T.id == U.id, T.day >= U.since]).select(T.x),
        "x value flights.x; * join flights.id; * join planes.id; * join flights.day; * join planes.since",
    ),
    "a left join with a default": (
        lambda: T.left_join(U, "id").select(T.id, w=U.w.fill_null(0)),
        "id value flights.id; w value planes.w; * join flights.id; * join planes.id",
    ),
    "a semi join": (
        lambda: T.semi_join(U, "id").select("x"),
        "x value flights.x; * join flights.id; * join planes.id",
    ),
    "an anti join": (
        lambda: T.anti_join(U.filter(U.w > 1), "id").select("x"),
        "x value flights.x; * join flights.id; * join planes.id; * filter planes.w",
    ),
    "a self join": (
        lambda: T.join(V := T.view(), T.id == V.id + 1).select(T.x, before=V.x),
        "x value flights.x; before value flights.x; * join flights.id",
    ),
    "a cross join": (lambda: T.select("x").cross_join(U.select("w")), "x value flights.x; w value planes.w"),
    "a join of an aggregate": (
        lambda: T.join(U.group_by("id").agg(n=U.w.sum()), "id").select("x", "n"),
        "x value flights.x; n value planes.w; * join flights.id; * join planes.id; * group planes.id",
    ),
    "three tables": (
        lambda: T.join(U, "id").join(W := U.view(), T.tag == W.name).select(T.x, W.w),
        "x value flights.x; w value planes.w; * join flights.id; * join planes.id; * join flights.tag; * join planes.name",
    ),
    "a union": (
        lambda: T.select("id").union(U.select("id")),
        "id value flights.id; id value planes.id",
    ),
    "a union of distinct rows": (
        lambda: T.select("id").union(U.select("id"), distinct=True),
        "id value flights.id; id value planes.id; * group flights.id; * group planes.id",
    ),
    "an intersection": (
        lambda: T.select("id").intersect(U.select("id")),
        "id value flights.id; * filter flights.id; * filter planes.id",
    ),
    "a difference": (
        lambda: T.select("id").difference(U.filter(U.w > 0).select("id")),
        "id value flights.id; * filter flights.id; * filter planes.id; * filter planes.w",
    ),
    "distinct rows": (lambda: T.select("tag").distinct(), "tag value flights.tag; * group flights.tag"),
    "a window": (
        lambda: T.select(r=T.x.sum().over(ibis.window(group_by="tag", order_by="day"))),
        "r value flights.x; r group flights.tag; r order flights.day",
    ),
    "a rank": (lambda: T.select(r=ibis.rank().over(order_by=T.x)), "r order flights.x"),
    "a lag": (
        lambda: T.select(b=T.y.lag().over(group_by="id", order_by="day")),
        "b value flights.y; b group flights.id; b order flights.day",
    ),
    "a filter on a window": (
        lambda: T.mutate(n=ibis.row_number().over(group_by="id", order_by=ibis.desc("day"))).filter(_.n == 0).select("x"),
        "x value flights.x; * group flights.id; * order flights.day",
    ),
    "the value at the largest other one": (lambda: T.agg(m=T.tag.argmax(T.x)), "m value flights.tag; m order flights.x"),
    "an ordered collection": (
        lambda: T.group_by("id").agg(c=T.tag.collect(order_by=T.day)),
        "id value flights.id; c value flights.tag; c order flights.day; * group flights.id",
    ),
    "cases": (
        lambda: T.select(c=ibis.cases((T.ok, T.x), else_=T.y)),
        "c value flights.ok; c value flights.x; c value flights.y",
    ),
    "a scalar subquery": (
        lambda: T.select(d=T.x - U.filter(U.since.notnull()).w.mean().as_scalar()),
        "d value flights.x; d value planes.w; d filter planes.since",
    ),
    "membership": (
        lambda: T.filter(T.id.isin(U.id)).select("x"),
        "x value flights.x; * filter flights.id; * filter planes.id",
    ),
    "a nested field of an input": (lambda: T.select(c=T.s.b.c), "c value flights.s.b.c"),
    "a field of a struct that is built": (
        lambda: T.mutate(p=ibis.struct({"k": T.x, "l": T.y})).select(k=_.p.k),
        "k value flights.x",
    ),
    "a whole struct": (lambda: T.select("s"), "s value flights.s"),
    "an unnested column": (
        lambda: T.select("id", t=T.tags.unnest()),
        "id value flights.id; t value flights.tags; * filter flights.tags",
    ),
    "groups that are unnested": (
        lambda: T.group_by(t=T.tags.unnest()).agg(n=_.x.sum()),
        "t value flights.tags; n value flights.x; * group flights.tags; * filter flights.tags",
    ),
    "a field of structs that are unnested": (
        lambda: V.select("id", w=V.who.unnest()).select("id", n=_.w.n),
        "id value events.id; n value events.who.n; * filter events.who",
    ),
    "a value of a map": (lambda: V.select(a=V.m["a"]), "a value events.m"),
    "a built struct behind an order and a filter": (
        lambda: T.mutate(p=ibis.struct({"k": T.x, "l": T.s})).order_by("id").filter(_.p.k > 0).select(k=_.p.k, a=_.p.l.a),
        "k value flights.x; a value flights.s.a; * order flights.id; * filter flights.x",
    ),
    "a built struct behind a join": (
        lambda: T.mutate(p=ibis.struct({"k": T.x, "l": T.y})).join(U, "id").select(k=_.p.k),
        "k value flights.x; * join flights.id; * join planes.id",
    ),
    "a struct of one side of a union": (
        lambda: T.select(p=T.s).union(U.select(p=ibis.struct({"a": U.id, "b": ibis.struct({"c": U.name})}))).select(a=_.p.a),
        "a value flights.s.a; a value planes.id",
    ),
    "a struct that is unpacked": (
        lambda: T.select("id", "s").unpack("s"),
        "id value flights.id; a value flights.s.a; b value flights.s.b",
    ),
    "a nested field as the group": (
        lambda: T.group_by(c=_.s.b.c).agg(n=_.s.a.sum()),
        "c value flights.s.b.c; n value flights.s.a; * group flights.s.b.c",
    ),
    "functions over elements": (
        lambda: T.select(a=T.tags.map(lambda e: e + T.tag).filter(lambda e: e != T.s.b.c)),
        "a value flights.tags; a value flights.tag; a value flights.s.b.c",
    ),
    "the last row before": (
        lambda: V.asof_join(U.select("id", "name", at=U.since.cast("timestamp")), "at", "id").select("m", "name"),
        "m value events.m; name value planes.name; * join events.at; * join planes.since; * join events.id; * join planes.id",
    ),
    "columns that become rows": (
        lambda: T.select("id", "x", "y").pivot_longer(["x", "y"], names_to="k", values_to="v"),
        "id value flights.id; v value flights.x; v value flights.y",
    ),
    "a rolling frame of two groups and two orders": (
        lambda: T.select(
            r=T.x.mean().over(
                ibis.window(preceding=6, following=0, group_by=[T.tag, T.day.year()], order_by=[ibis.desc(T.day), T.id])
            )
        ),
        "r value flights.x; r group flights.tag; r group flights.day; r order flights.day; r order flights.id",
    ),
    "a union of differently computed columns, in another order": (
        lambda: T.select(v=T.x + T.y, k="id").union(U.filter(U.w > 0).select(k="id", v=U.w)),
        "k value flights.id; k value planes.id; v value flights.x; v value flights.y; v value planes.w; * filter planes.w",
    ),
    "a self join of an aggregate, a day apart": (
        lambda: (
            (d := T.group_by("tag", "day").agg(n=_.x.sum()))
            .left_join(e := d.view(), [d.tag == e.tag, d.day == e.day + ibis.interval(days=1)])
            .select(d.tag, before=e.n)
        ),
        "tag value flights.tag; before value flights.x; * group flights.tag; * group flights.day; * join flights.tag; "
        "* join flights.day",
    ),
    "either of both sides": (
        lambda: T.outer_join(U, "id").select(id=ibis.coalesce(T.id, _.id_right), w=_.w),
        "id value flights.id; id value planes.id; w value planes.w; * join flights.id; * join planes.id",
    ),
    "rows that have a partner": (
        lambda: T.filter(((U.id == T.id) & (U.w > T.x)).any()).select("tag"),
        "tag value flights.tag; * filter planes.id; * filter flights.id; * filter planes.w; * filter flights.x",
    ),
    "a scalar of the partner's rows": (
        lambda: T.select("id", m=U.filter(U.id == T.id).w.max().as_scalar()),
        "id value flights.id; m value planes.w; m filter planes.id; m filter flights.id",
    ),
    "as many rows as another table has": (
        lambda: T.limit(U.filter(U.w > 0).count().as_scalar()).select("id"),
        "id value flights.id; * filter planes.w",
    ),
    "a function of Python in a function of Python": (
        lambda: T.select(h=half(T.x + T.y.fill_null(half(T.x)))),
        "h value flights.x; h value flights.y",
    ),
    "names that are given anew, twice": (
        lambda: T.mutate(x=_.y).mutate(y=_.x + _.id, x=_.tag.length()).select("x", "y"),
        "x value flights.tag; y value flights.y; y value flights.id",
    ),
    "names that are swapped": (lambda: T.select("x", "y").rename(x="y", y="x"), "x value flights.y; y value flights.x"),
    "the last row of each": (
        lambda: T.select("id", "x").distinct(on="id", keep="last"),
        "id value flights.id; x value flights.x; * group flights.id",
    ),
    "the most frequent": (lambda: T.tag.topk(3, name="n"), "tag value flights.tag; * group flights.tag"),
    "the largest by another column": (
        lambda: T.tag.topk(3, by=T.x.sum(), name="n"),
        "tag value flights.tag; n value flights.x; * group flights.tag; * order flights.x",
    ),
    "rows that are NULL throughout dropped": (
        lambda: T.select("x", "tag").drop_null(how="all"),
        "x value flights.x; tag value flights.tag; * filter flights.x; * filter flights.tag",
    ),
    "NULLs filled from another column": (lambda: T.select(z=T.x.fill_null(T.y)), "z value flights.x; z value flights.y"),
    "every column of numbers": (
        lambda: T.group_by("tag").agg(s.across(s.numeric() & ~s.cols("id"), {"m": _.mean(), "hi": _.max()})),
        "tag value flights.tag; x_m value flights.x; y_m value flights.y; x_hi value flights.x; y_hi value flights.y; "
        "* group flights.tag",
    ),
    "a share of the group": (
        lambda: T.group_by("tag").mutate(share=_.x / _.x.sum()).select("share"),
        "share value flights.x; share group flights.tag",
    ),
    "groups that have enough": (
        lambda: T.group_by("tag").having(_.x.max() > 3).agg(n=_.count()),
        "tag value flights.tag; * group flights.tag; * filter flights.x",
    ),
    "a table under another name": (lambda: T.select("id").alias("u"), "id value flights.id"),
    "an unnested table": (
        lambda: T.select("id", "tags").unnest("tags"),
        "id value flights.id; tags value flights.tags; * filter flights.tags",
    ),
    "NULLs dropped": (lambda: T.select("x", "y").drop_null(["x"]), "x value flights.x; y value flights.y; * filter flights.x"),
    "NULLs filled": (lambda: T.select("id", "x").fill_null({"x": 0.0}), "id value flights.id; x value flights.x"),
    "a column dropped": (lambda: T.select("id", "x").drop("x"), "id value flights.id"),
    "a scalar function of the engine": (
        lambda: T.select(d=damerau_levenshtein(T.tag, T.s.b.c)),
        "d value flights.tag; d value flights.s.b.c",
    ),
    "an aggregate function of the engine": (lambda: T.agg(p=product(T.x)), "p value flights.x"),
    "a pivot": (
        lambda: T.pivot_wider(id_cols="id", names_from="tag", names=["a", "b"], values_from="x", values_agg="sum"),
        "id value flights.id; a value flights.x; a filter flights.tag; b value flights.x; b filter flights.tag; "
        "* group flights.id",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_lineage_is_what_a_reader_would_say(name: str):
    build, said = CASES[name]
    assert edges(build()) == set(said.split("; "))


def test_names_with_dots_are_no_paths_into_a_struct():
    shop = ibis.table({"e.mail": "string", "e": "int64", 's."a"': "struct<b: int64>"}, name="t")
    expr = shop.filter(_.e > 0).select(mail=_["e.mail"].lower(), b=_['s."a"'].b)
    assert edges(expr) == {'mail value flights."e.mail"', 'b value flights."s.""a""".b', "* filter flights.e"}
    found = column_lineage(expr, INPUTS)
    assert [top_column(edge.input_column) for edge in found] == ["e", 's."a"', "e.mail"]
    graph = Graph({"users": found}, frozenset({"flights"}))
    assert graph.columns("flights") == ("e", "e.mail", 's."a"')
    assert resolve(graph, "flights.e.mail") == ("flights", "e.mail")
    assert {place.column for place in graph.downstream("flights", "e.mail").places()} == {"e.mail", "mail"}
    masked = Settings.model_validate({"sources": {"flights": {"read": "f.csv", "mask": {"e.mail": "token"}}}})
    assert personal_columns(masked, found, {}) == {"mail": ('flights."e.mail"',)}


def test_a_query_of_wb_sql_rests_on_the_columns_that_it_names():
    con = ibis.duckdb.connect()
    t = con.create_table("t", schema={"id": "int64", "x": "float64", "y": "float64"})
    u = con.create_table("u", schema={"id": "int64", "w": "float64"})
    found = wb.sql("SELECT late.id, max(w) AS m FROM late JOIN u USING (id) GROUP BY late.id", late=t, u=u)
    assert {each for each in edges(found) if each.startswith("m ")} == {
        "m value flights.id",
        "m value planes.id",
        "m value planes.w",
    }
    counted = t.alias("t").sql("SELECT id, count(*) AS n FROM (SELECT * FROM t) GROUP BY id")
    assert edges(counted) == {"id value flights.id", "n value flights.id"}
    everything = wb.sql("SELECT * FROM t", t=t)
    assert "y value flights.y" in edges(everything)


def test_a_local_step_rests_on_all_columns_of_its_tables():
    @wb.local(schema={"n": "int64"})
    def counted(rows: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"n": [len(rows)]})

    assert edges(counted(U.filter(U.w > 0).select("id"))) == {"n value planes.id", "* filter planes.w"}


def test_rows_in_memory_rest_on_nothing():
    assert edges(ibis.memtable({"a": [1]})) == set()


def test_lineage_of_one_expression_is_sorted_and_stable():
    found = column_lineage(CASES["a pivot"][0](), INPUTS)
    assert list(found) == sorted(found)
    assert found == column_lineage(CASES["a pivot"][0](), INPUTS)
