"""Rows that a query can't need stay on a real PostgreSQL, and what it gives is the same, to the last bit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import ibis
import ibis.expr.types as ir
import psycopg
import pytest
from ibis import _

from tests.runtime.test_postgres import typed, warehouse
from workbench.runtime.distant import distant, narrowed
from workbench.runtime.sql import sql

ROWS = """
CREATE COLLATION IF NOT EXISTS loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE wide (i int, b bigint, d date, ts timestamp, tz timestamptz, x text, y text COLLATE loose, v varchar(9),
    n numeric(9, 2), f float8, j jsonb);
INSERT INTO wide SELECT i, i * 10000000000, date '2024-01-01' + i % 60, timestamp '2024-01-01' + i % 60 * interval '23 hours',
    timestamptz '2024-01-01 00:30+14' + i % 60 * interval '23 hours', 'x' || i % 3, chr(65 + i % 2 * 32) || i % 3, 'v' || i % 4,
    i / 7.0, 1.0 / i, '1' FROM generate_series(1, 600) i;
INSERT INTO wide (i, d, ts, tz, f) VALUES (0, 'infinity', 'infinity', '-infinity', 'NaN'),
    (NULL, '-infinity', '-infinity', 'infinity', '-0'), (-1, '0044-03-15 BC', '294276-12-31', '294276-12-31+00', 1),
    (-2, '2024-01-31', '2024-01-31 23:59:59.999999', '2024-02-01', 2);
"""
ALL = 604
SMALL = ibis.memtable({"x": ["x0", "x1", "x1"], "name": ["none", "one", "another"]})
CASES: dict[str, tuple[Callable[[ir.Table], ir.Expr], int]] = {
    "a date": (lambda t: t.filter(_.d >= "2024-02-20"), 101),
    "a date from the other side": (lambda t: t.filter(ibis.literal(dt.date(2024, 1, 3)) > _.d), 22),
    "dates between": (lambda t: t.filter(_.d.between("2024-01-31", "2024-02-01")).d.count(), 21),
    "moments": (lambda t: t.filter(_.ts >= dt.datetime(2024, 2, 1), _.ts < dt.datetime(2024, 2, 2, 1)), 12),
    "moments in a zone": (lambda t: t.filter(_.tz < dt.datetime(2024, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=5)))), 23),
    "a naive moment beside a zone": (lambda t: t.filter(_.tz < dt.datetime(2024, 1, 2)), ALL),
    "integers": (lambda t: t.filter((_.i > 590) & (_.b <= 5_950_000_000_000)), 6),
    "an integer among some": (lambda t: t.filter(_.i.isin([1, 2, 9999999999999])), 2),
    "an integer or NULL": (lambda t: t.filter(_.i.isin([1, None])), ALL),
    "a fraction": (lambda t: t.filter(_.i < 2.5), ALL),
    "text": (lambda t: t.filter(_.x == "x1", _.v.isin(["v0", "v'\"$%"])), 50),
    "text that is alike there": (lambda t: t.filter(_.y == "a1"), 100),
    "text in order": (lambda t: t.filter(_.x > "x1"), ALL),
    "text beyond ASCII": (lambda t: t.filter(_.x == "\u00fc"), ALL),
    "a backslash": (lambda t: t.filter(_.x == "\\x"), ALL),
    "JSON": (lambda t: t.filter(_.j == "1"), ALL),
    "decimals": (lambda t: t.filter(_.n > 80), ALL),
    "floats": (lambda t: t.filter(_.f > 0.5), ALL),
    "one or the other": (lambda t: t.filter((_.i > 590) | (_.i < 5)), ALL),
    "all but": (lambda t: t.filter(_.i != 1), ALL),
    "no row": (lambda t: t.filter(_.i > 5, _.i < 4), 0),
    "under another name": (lambda t: t.select("f", day="d").filter(_.day > "2024-02-20").agg(s=_.f.sum()), 101),
    "what is computed": (lambda t: t.mutate(d=_.d.truncate("Y")).filter(_.d >= "2024-01-01"), 602),
    "groups": (lambda t: t.group_by("d", "x").agg(s=_.f.sum()).filter(_.d >= "2024-02-20"), 101),
    "groups by day": (lambda t: t.group_by(day=_.ts.date()).agg(s=_.f.sum()).filter(_.day >= "2024-02-20").order_by("day"), 72),
    "groups by day in a zone": (lambda t: t.group_by(k=_.tz.date()).agg(s=_.f.sum()).filter(_.k == dt.date(2024, 2, 1)), 13),
    "groups by month": (lambda t: t.group_by(k=_.ts.truncate("M")).agg(s=_.f.sum()).filter(_.k >= "2024-02-01"), 272),
    "some of a group": (lambda t: t.group_by("x").agg(s=_.f.sum()).filter(_.s > 0.1), ALL),
    "groups of groups": (lambda t: t.filter(_.i > 590).group_by("x", "v").agg(s=_.f.sum()).group_by("x").agg(z=_.s.sum()), ALL),
    "groups of groups of integers": (lambda t: t.filter(_.i > 590).group_by("x", "v").agg(s=_.i.sum()).agg(z=_.s.sum()), 11),
    "groups of floats in groups": (lambda t: t.filter(_.i > 590).group_by("f", "x").agg(s=_.i.sum()).agg(z=_.s.sum()), ALL),
    "a left join": (lambda t: t.left_join(SMALL, "x").filter(_.d >= "2024-02-20").group_by("d", "name").agg(n=_.i.sum()), 101),
    "an inner join": (lambda t: SMALL.join(t, "x").filter(_.d >= "2024-02-20").agg(n=_.count(), z=_.d.max()), 101),
    "a join that adds floats": (lambda t: t.left_join(SMALL, "x").filter(_.d >= "2024-02-20").agg(n=_.f.sum()), ALL),
    "a join from the other side": (lambda t: SMALL.left_join(t, "x").filter(_.d >= "2024-02-20").agg(n=_.count()), ALL),
    "an outer join": (lambda t: t.outer_join(SMALL, "x").filter(_.d >= "2024-02-20").agg(n=_.count()), ALL),
    "a bound of the other side": (lambda t: t.join(SMALL, "x").filter(_.name == "one").agg(n=_.count()), ALL),
    "rows without a match": (lambda t: t.anti_join(SMALL, "x").filter(_.i > 590).select("i", "x"), 11),
    "rows of a join with floats": (lambda t: t.semi_join(SMALL, "x").filter(_.i > 590).select("i", "f"), ALL),
    "a window": (lambda t: t.mutate(r=ibis.row_number().over(order_by="i")).filter(_.i > 590), ALL),
    "the first ones": (lambda t: t.order_by("i").limit(300).filter(_.i > 590), ALL),
    "a join with itself": (lambda t: t.filter(_.i > 590).join(t.view(), "i").select("i"), ALL),
    "the greatest": (lambda t: t.filter(_.i > 590).filter(_.i == t.i.max()).select("i"), ALL),
    "both": (lambda t: t.filter(_.i > 590).union(t.filter(_.i < 3)), ALL),
    "a share": (lambda t: t.agg(z=_.count() / t.filter(_.i > 590).count().as_scalar()), ALL),
    "SQL": (lambda t: sql("SELECT i FROM t WHERE i > 590", t=t.filter(_.i < 595)), ALL),
}  # fmt: skip


@pytest.fixture(scope="module")
def opened(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], ir.Table]]:
    """Opens a source for each case, and one more, all of the same rows, in one session."""
    names = ["whole", *(f"case{number}" for number, _ in enumerate(CASES))]
    with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE bounded")
        address = f"{postgres_server}/bounded"
        typed(address, ROWS + "".join(f"CREATE TABLE {name} AS TABLE wide; " for name in names))
        place = warehouse(tmp_path_factory.mktemp("bounded"), **{name: f"{address}#{name}" for name in names})
        con = place.connect()
        con.con.execute("SET threads = 1")  # as runs and trials have it
        yield lambda name: place.source(con, name)
        con.disconnect()
        connection.execute("DROP DATABASE bounded WITH (FORCE)")


def texts(expr: ir.Expr) -> list[tuple[str, ...]]:
    """The rows, sorted, each value as DuckDB writes it: numbers with all their digits."""
    backend: Any = expr.get_backend()
    backend._run_pre_execute_hooks(expr)
    query = f"SELECT COLUMNS(*)::VARCHAR FROM ({backend.compile(expr.as_table())})"
    return sorted(backend.con.execute(query).fetchall(), key=repr)


@pytest.mark.parametrize("number", range(len(CASES)), ids=list(CASES))
def test_fewer_rows_give_the_same(opened: Callable[[str], ir.Table], number: int) -> None:
    make, wanted = list(CASES.values())[number]
    table = opened(f"case{number}")
    assert texts(narrowed(make(table))) == texts(make(narrowed(opened("whole"))))
    found = distant(table.op())
    assert found is not None
    (held,) = found.held.values()
    backend: Any = table.get_backend()
    assert backend.con.execute(f"SELECT count(*) FROM {held.shown}").fetchone() == (wanted,)
