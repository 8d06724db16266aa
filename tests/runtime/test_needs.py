"""What an expression reads: the same comes out when all other columns are NULL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import ibis
import ibis.expr.types as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ibis import _

from workbench.runtime.needs import columns_read
from workbench.runtime.sql import sql

SCHEMA = {"a": "int64", "b": "int64", "c": "float64", "d": "string", "items": "array<int64>", "row": "struct<x: int64>"}
ROWS = "SELECT i % 5, i % 3, CASE WHEN i % 4 > 0 THEN i / 2 END, 'd' || i % 2, [i, i + 1], {'x': i} FROM range(20) t(i)"
WHOLE, ABC = " ".join(SCHEMA), "a b c"


@pytest.fixture(scope="module")
def con() -> Iterator[Any]:
    made = ibis.duckdb.connect(threads=1)
    for name in ("there_t", "there_u"):
        made.create_table(name, schema=SCHEMA)
        made.con.execute(f"INSERT INTO {name} {ROWS}")
    yield made
    made.disconnect()


def told(con: Any, expr: ir.Table) -> dict[str, set[str]]:
    """The columns that it reads by table; it gives the same rows where all others are NULL."""
    found = {table.name: set(names) for table, names in columns_read(expr.op()).items()}
    query = str(con.compile(expr))
    spoilt = query
    for name, names in found.items():
        shown = ", ".join(each if each in names else f"if(false, {each}, NULL) AS {each}" for each in SCHEMA)
        con.con.execute(f"CREATE OR REPLACE VIEW spoilt_{name} AS SELECT {shown} FROM {name}")
        spoilt = spoilt.replace(f'"{name}" AS', f'"spoilt_{name}" AS')
    wanted, given = (sorted(map(repr, con.con.execute(each).fetchall())) for each in (query, spoilt))
    assert wanted == given, (found, spoilt)
    return found


READS: dict[str, tuple[Callable[[Any, Any], ir.Table], str, str | None]] = {
    "a table": (lambda t, u: t, WHOLE, None),
    "a count": (lambda t, u: t.count().as_table(), "", None),
    "a count of some": (lambda t, u: t.filter(_.a > 1).count().as_table(), "a", None),
    "a count of distinct rows": (lambda t, u: t.select("a", "b").nunique().as_table(), "a b", None),
    "columns": (lambda t, u: t.select("b", z="d"), "b d", None),
    "columns that are dropped": (lambda t, u: t.drop("b", "items"), "a c d row", None),
    "what is computed though nobody asks": (lambda t, u: t.mutate(z=_.d.upper()).group_by("a").agg(n=_.b.sum()), "a b d", None),
    "groups": (lambda t, u: t.mutate(k=_.a % 2).group_by("k").agg(m=_.c.mean(), n=_.count()), "a c", None),
    "a window": (lambda t, u: t.select("b", r=ibis.row_number().over(order_by=["a", "c", "d"])), "a b c d", None),
    "an order and a limit": (lambda t, u: t.order_by("c", "b").limit(3).select("a"), "a b c", None),
    "a left join": (lambda t, u: t.left_join(u.select("a", "c"), "a").group_by("b").agg(s=_.c_right.sum()), "a b", "a c"),
    "a semi join": (lambda t, u: t.semi_join(u, "a").select("b"), "a b", "a"),
    "an asof join": (lambda t, u: t.asof_join(u, "a").select("b", "d_right"), "a b", "a d"),
    "a cross join": (lambda t, u: t.cross_join(u).select("a", "d_right"), "a", "d"),
    "a join with itself": (lambda t, u: t.join(t.view(), "a").select("b"), "a b", None),
    "a value among others": (lambda t, u: t.filter(t.a.isin(u.b)).select("d"), "a d", "b"),
    "the greatest of others": (lambda t, u: t.filter(t.a == u.b.max()).select("d"), "a d", "b"),
    "rows that exist elsewhere": (lambda t, u: t.filter((u.b == t.a).any()).select("d"), "a d", "b"),
    "rows of both": (lambda t, u: t.union(u).select("a"), "a", "a"),
    "distinct rows of both": (lambda t, u: t[["a", "b"]].union(u[["a", "b"]], distinct=True)[["a"]], "a b", "a b"),
    "rows of one alone": (lambda t, u: t.select("a", "b").difference(u.select("a", "b")).select("a"), "a b", "a b"),
    "distinct rows": (lambda t, u: t.select("a", "b").distinct().select("a"), "a b", None),
    "the first of a group": (lambda t, u: t.distinct(on="a", keep="first").select("a"), WHOLE, None),
    "rows multiplied": (lambda t, u: t.mutate(k=_.items.unnest()).select("a"), "a items", None),
    "rows multiplied by a column": (lambda t, u: t.unnest("items").select("a"), WHOLE, None),
    "a field": (lambda t, u: t.select(x=_.row.x), "row", None),
    "rows without NULL": (lambda t, u: t.drop_null(["c"]).select("a"), WHOLE, None),
    "filled values": (lambda t, u: t.fill_null({"c": 0.0}).select("a"), WHOLE, None),
    "columns as rows": (lambda t, u: t.pivot_longer(["a", "b"]).select("value"), "a b", None),
    "SQL": (lambda t, u: sql("SELECT t.b, max(t.C) m, count(*) n FROM t JOIN u v USING (a) GROUP BY ALL", t=t, u=u), ABC, ABC),
    "SQL of SQL": (lambda t, u: sql("SELECT a FROM s WHERE a > 1", s=sql("SELECT a, b, d FROM t", t=t)), "a b d", None),
    "SQL over what is computed": (lambda t, u: sql("SELECT k FROM s", s=t.mutate(k=_.a + 1)), "a", None),
    "SQL with a star": (lambda t, u: sql("SELECT t.* FROM t", t=t), WHOLE, None),
    "SQL with columns by pattern": (lambda t, u: sql("SELECT max(COLUMNS('a|b')) FROM t", t=t), WHOLE, None),
    "SQL with a row": (lambda t, u: sql("SELECT x FROM t AS x", t=t), WHOLE, None),
    "SQL with a row of a table as given": (lambda t, u: sql("SELECT count(DISTINCT t) AS n FROM t", t=t), WHOLE, None),
    "SQL without SELECT": (lambda t, u: sql("FROM t", t=t), WHOLE, None),
    "SQL with a natural join": (lambda t, u: sql("SELECT b FROM t NATURAL JOIN u", t=t, u=u), WHOLE, WHOLE),
    "SQL with a column by its place": (lambda t, u: sql("SELECT #2 AS z FROM t", t=t), WHOLE, None),
    "SQL of a pivot": (lambda t, u: sql("SELECT d0 FROM (PIVOT t ON d USING count(*))", t=t.select("a", "d")), "a d", None),
    "SQL of Ibis": (lambda t, u: t.alias("x").sql("SELECT a FROM x"), WHOLE, None),
}  # fmt: skip


@pytest.mark.parametrize("what", READS)
def test_what_is_read_is_told(con: Any, what: str) -> None:
    made, of_t, of_u = READS[what]
    wanted = {"there_t": set(of_t.split())} | ({} if of_u is None else {"there_u": set(of_u.split())})
    assert told(con, made(con.table("there_t"), con.table("there_u"))) == wanted


STEPS: list[Callable[[Any, Any], ir.Table]] = [
    lambda t, u: t.filter(_.a > 1),
    lambda t, u: t.filter(t.a.isin(u.filter(_.c > 3).b)),
    lambda t, u: t.mutate(b=_.a, a=_.b),
    lambda t, u: t.mutate(c=_.c.fill_null(0) + _.b),
    lambda t, u: t.order_by("b", "c", "a", "d", "items", "row").limit(7),
    lambda t, u: t.union(u),
    lambda t, u: t.distinct(),
    lambda t, u: t.difference(u.filter(_.b == 1)),
    lambda t, u: t.left_join(u.select("a", e="c"), "a").mutate(c=_.e).select(*SCHEMA),
    lambda t, u: t.semi_join(u.filter(_.c > 2), "b"),
    lambda t, u: t.mutate(c=_.c.sum().over(group_by="b")),
    lambda t, u: t.mutate(a=_.items.unnest()),
    lambda t, u: t.group_by("a", "b", "d").agg(c=_.c.max(), items=_.items.max(), row=_.row.max()).select(*SCHEMA),
    lambda t, u: sql("SELECT a, b, c + a AS c, d, items, row FROM t WHERE b < 2", t=t),
]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from(range(len(STEPS))), min_size=1, max_size=5),
    st.lists(st.sampled_from(["a", "b", "c", "d", "items", "row"]), min_size=1, max_size=2, unique=True),
)
def test_nothing_else_is_read_by_steps_in_any_order(con: Any, steps: list[int], columns: list[str]) -> None:
    found = con.table("there_t")
    for step in steps:
        found = STEPS[step](found, con.table("there_u"))
    told(con, found.select(columns))
