"""wb.estimate: what a figure of the sandbox stands for in production, or why a sample can't tell."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pytest
from ibis import _

from tests.sandbox.conftest import SETTINGS, TABLES, Place
from workbench.errors import UsageError
from workbench.sandbox import session
from workbench.sandbox.estimate import Estimates, Figure, estimate
from workbench.sandbox.parity import judge
from workbench.sandbox.registry import SandboxInfo, TableInfo, write
from workbench.sandbox.scaled import NotEstimable

SALTS = 200


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, Path]:
    """A workspace with one sandbox: customers are chosen, orders and lines follow, products are pulled in, stores are whole."""
    place = Place(tmp_path_factory.mktemp("shop"))
    (place.root / "raw").mkdir()
    for name, query in TABLES.items():
        place.table(name, query)
    place.settings(SETTINGS)
    return place, place.make("20%", seed=3, anchors=("customers",)).path


@pytest.fixture
def shop(made: tuple[Place, Path], opened: Any, monkeypatch: pytest.MonkeyPatch) -> session.Session:
    place, path = made
    monkeypatch.setenv("WORKBENCH_WORKSPACE", str(place.root))
    current: session.Session = opened(path)
    return current


def truth(place: Place, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as con:
        for file in (place.root / "raw").glob("*.parquet"):
            con.execute(f"CREATE VIEW {file.stem} AS FROM '{file}'")
        return con.execute(query).fetchall()


def only(found: Estimates) -> Figure:
    (figure,) = found.figures
    return figure


def holds(figure: Figure, value: float) -> bool:
    return figure.low is not None and figure.high is not None and figure.low <= value <= figure.high


JOINED = {
    "orders.count()": "SELECT count(*) FROM orders",
    "orders.amount.sum()": "SELECT sum(amount) FROM orders",
    "orders.amount.mean()": "SELECT avg(amount) FROM orders",
    "orders.filter(_.month > 6).amount.mean()": "SELECT avg(amount) FROM orders WHERE month > 6",
    "orders.count(where=orders.amount > 50)": "SELECT count(*) FROM orders WHERE amount > 50",
    "orders.customer.count()": "SELECT count(customer) FROM orders",
    "(orders.amount > 50).mean()": "SELECT avg((amount > 50)::int) FROM orders",
    "(orders.amount.sum() / orders.count()).round(2)": "SELECT sum(amount) / count(*) FROM orders",
    "customers.count()": "SELECT count(*) FROM customers",
    "orders.join(customers, orders.customer == customers.id).filter(_.region == 2).amount.sum()": (
        "SELECT sum(amount) FROM orders JOIN customers c ON customer = c.id WHERE region = 2"
    ),
    "customers.left_join(orders, orders.customer == customers.id).count()": (
        "SELECT count(*) FROM customers c LEFT JOIN orders ON customer = c.id"
    ),
    "customers.semi_join(orders, orders.customer == customers.id).count()": (
        "SELECT count(*) FROM customers c SEMI JOIN orders ON customer = c.id"
    ),
    "lines.join(orders, lines.order_id == orders.id).agg(x=_.price.sum() - 2 * _.month.sum())": (
        "SELECT sum(price) - 2 * sum(month) FROM lines JOIN orders o ON order_id = o.id"
    ),
    "lines.join(products, lines.product == products.id).filter(_.part_of.isnull()).price.sum()": (
        "SELECT sum(price) FROM lines JOIN products p ON product = p.id WHERE part_of IS NULL"
    ),
    "products.join(lines, lines.product == products.id).count()": "SELECT count(*) FROM lines",
    "stores.join(lines, stores.id == lines.store).filter(_.city == 'store 3').count()": (
        "SELECT count(*) FROM lines WHERE store = 3"
    ),
    "lines.mutate(twice=_.price * 2).drop('price').order_by('twice').twice.sum()": "SELECT 2 * sum(price) FROM lines",
    "(v := lines.view()).join(orders, v.order_id == orders.id).count()": "SELECT count(*) FROM lines",
}


def test_production_lies_within_the_intervals(made: tuple[Place, Path], shop: session.Session) -> None:
    tables = {name: shop.source(name) for name in shop.sources}
    missed = []
    for text, query in JOINED.items():
        figure = only(estimate(eval(text, {"_": _, **tables}), shop))
        assert figure.low is not None, text
        assert figure.low <= (figure.high or 0), text
        if not holds(figure, truth(made[0], query)[0][0]):
            missed.append((text, figure))
    assert len(missed) <= 1, missed  # of 18 intervals one in twenty may miss


def test_groups_have_estimates_of_their_own_and_arithmetic_goes_along(made: tuple[Place, Path], shop: session.Session) -> None:
    orders = shop.source("orders")
    by_month = orders.group_by("month").agg(n=_.count(), late=(_.amount > 50).sum().fill_null(0))
    found = estimate(by_month.mutate(rate=_.late / _.n.nullif(0)).order_by(_.rate.desc()), shop)
    assert found.by == ("month",)
    assert Counter(each.name for each in found.figures) == {"n": 12, "late": 12, "rate": 12}
    query = "SELECT month, count(*), count(*) FILTER (amount > 50), avg((amount > 50)::INT) FROM orders GROUP BY 1"
    real = {(row[0], name): row[i] for row in truth(made[0], query) for i, name in enumerate(("n", "late", "rate"), start=1)}
    assert sum(holds(each, real[each.group[0], each.name]) for each in found.figures) >= 33
    assert "groups of which no row was chosen are missing" in found.notes


def test_columns_named_as_what_is_kept_of_rows_are_nobody_s_weight(
    empty: Place, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chosen rows and those that they refer to, told apart by flags that a source's own columns have the names of."""
    mine = "1000 AS weight, 1 AS cluster, true AS core, i % 2 AS n, i % 3 AS size, i % 2 AS w, i % 2 AS by0"
    empty.table("parts", f"SELECT i AS row, CASE WHEN i % 2 > 0 THEN i - 1 END AS parent, {mine} FROM range(4000) r(i)")
    empty.settings(
        '[tool.workbench.sources.parts]\nread = "raw/parts.parquet"\nkey = ["row"]\nsample = "anchor"\n'
        'references = [{ columns = ["parent"], source = "parts" }]\n'
    )
    made = empty.make("20%")
    assert made.tables["parts"].support > 100
    monkeypatch.setenv("WORKBENCH_WORKSPACE", str(empty.root))
    parts = opened(made.path).source("parts")
    assert holds(only(estimate(parts.weight.sum(), session.current())), 4_000_000)
    for column, groups in {"n": 2, "size": 3, "w": 2, "by0": 2}.items():
        found = estimate(parts.group_by(column).agg(found=_.count()), session.current()).figures
        assert [each.group for each in found] == [(group,) for group in range(groups)]
        assert all(holds(each, 4000 / groups) for each in found)
    parity = judge(empty.workspace, made, 0.05)
    assert next(each.estimate for each in parity.figures if each.figure == "count") == 5 * made.tables["parts"].core
    assert max(each.excess for each in parity.columns) < 0.02


def test_a_table_that_is_whole_needs_no_estimate(shop: session.Session) -> None:
    stores = shop.source("stores")
    figure = only(estimate(stores.filter(stores.id > 2).count(), shop))
    assert (figure.estimate, figure.low, figure.high, figure.exact) == (3, 3, 3, True)
    assert only(estimate(stores.distinct().limit(2).count(), shop)).estimate == 2


REFUSED = {
    "orders.amount.median()": "a median does not follow from totals",
    "orders.amount.max()": "a largest value does not follow",
    "orders.customer.nunique()": "a number of distinct values does not follow",
    "orders.amount.std()": "what it computes",
    "orders.distinct().count()": "it counts distinct rows",
    "orders.head(3).count()": "it takes the first rows only",
    "orders.group_by('month').agg(n=_.count()).n.max()": "it aggregates an aggregate",
    "orders.group_by('month').agg(n=_.count()).filter(_.n > 3)": "more is done after it aggregates than arithmetic",
    "orders": "it aggregates nothing",
    "products.count()": "only those rows of products that others refer to",
    "orders.mutate(r=ibis.row_number()).r.sum()": "it uses a window over rows",
    "orders.filter(_.amount > orders.amount.mean()).count()": "it reads another table inside an expression",
    "orders.join(lines, orders.month == lines.store).count()": "it joins lines and orders in a way that has other rows",
    "orders.join(orders.view(), 'month').count()": "in a way that has other rows in production",
    "stores.left_join(lines, stores.id == lines.store).count()": "in a way that has other rows in production (left join)",
    "lines.join(products, lines.store == products.id).count()": "it joins lines and products",
    "lines.outer_join(orders, lines.order_id == orders.id).count()": "(outer join)",
    "customers.filter(_.email == 'x').count()": "customers.email, which is masked (token)",
    "customers.count(where=customers.born > '1960-01-01')": "customers.born is masked (generalise)",
    "orders.mutate(c=_.customer + 1).c.sum()": "orders.customer is masked (token)",
    "orders.union(orders).count()": "it uses union",
    "stores.anti_join(lines, stores.id == lines.store).count()": "(anti join)",
    "orders.count() + lines.count()": "",
    "orders.fill_null(0).count()": "it fills or drops NULLs of whole rows",
    "orders.group_by(m='month').agg(n=_.count()).select(month='m', n='n')": "month renames a column",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_a_sample_can_not_tell_is_said_and_not_guessed(shop: session.Session, text: str) -> None:
    tables = {name: shop.source(name) for name in shop.sources}
    expr = eval(text, {"_": _, "ibis": ibis, **tables})
    with pytest.raises(NotEstimable) as caught:
        estimate(expr, shop)
    assert REFUSED[text] in str(caught.value)
    assert caught.value.way_out


def test_too_few_anchors_give_no_interval(shop: session.Session) -> None:
    orders = shop.source("orders")
    found = estimate(orders.filter(orders.id < 12).count(), shop)
    assert (only(found).low, only(found).high) == (None, None)
    assert 0 < only(found).anchors < 5
    assert "no interval where fewer than 5 anchors contribute" in found.notes


def test_nothing_divided_by_nothing_is_nothing(shop: session.Session) -> None:
    orders = shop.source("orders").filter(_.month > 12)
    assert only(estimate(orders.amount.mean(), shop)).estimate is None
    assert only(estimate(orders.count(), shop)).estimate == 0


def test_a_condition_on_the_sample_is_told(place: Place, opened: Any) -> None:
    current = opened(place.make("50%", anchors=("orders",), where="month >= 6").path)
    found = estimate(current.source("orders").count(), current)
    assert "of what meets --where 'month >= 6' alone" in found.notes
    assert holds(only(found), truth(place, "SELECT count(*) FROM orders WHERE month >= 6")[0][0])


def test_a_cached_copy_has_lost_its_weights(shop: session.Session) -> None:
    with shop.source("orders").cache() as cached, pytest.raises(NotEstimable, match="nothing is known of the rows of"):
        estimate(cached.count(), shop)


@pytest.mark.parametrize("floor", [0, 12])
def test_the_intervals_hold_production_for_about_95_of_100_salts(
    empty: Place, monkeypatch: pytest.MonkeyPatch, floor: int
) -> None:
    """Anchors of very different sizes, whose rows are alike: what makes an interval of single rows far too narrow."""
    current = drawn(empty, monkeypatch, floor)
    visits, con = current.source("visits"), current.con.con
    figures = {"n": _.count(), "total": _.minutes.sum(), "mean": _.minutes.mean(), "share": (_.minutes > 60).sum() / _.count()}
    query = "SELECT count(*), sum(minutes), avg(minutes), avg((minutes > 60)::INT) FROM production"
    real = {((), name): value for name, value in zip(figures, con.execute(query).fetchone(), strict=True)}
    for region in range(4):
        values = con.execute(f"{query} WHERE region = {region}").fetchone()
        real |= {((region,), name): value for name, value in zip(figures, values, strict=True)}
    held: Counter[Any] = Counter()
    for by in (["salt"], ["salt", "region"]):
        found = estimate(visits.group_by(by).agg(**figures), current).figures
        assert len({each.group[0] for each in found}) == SALTS
        for each in found:
            held[each.group[1:], each.name] += holds(each, real[each.group[1:], each.name])
    for key in real:
        assert 0.89 <= held[key] / SALTS <= 1, (key, held[key])
    assert 0.92 <= sum(held.values()) / (SALTS * len(real)) <= 0.98
    assert naive(con, real[(), "mean"]) / SALTS < 0.75


def test_what_is_known_of_production_makes_intervals_narrower_and_they_still_hold(
    empty: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    current = drawn(empty, monkeypatch, 0)
    con = current.con.con
    rows = dict(con.execute("SELECT region, count(*) FROM production GROUP BY 1").fetchall())
    con.execute("CREATE TABLE drawn AS SELECT v.*, rowid AS id FROM visits v")
    con.execute("CREATE TABLE drawn_rows AS SELECT * FROM workbench_rows.visits")
    held, widths = 0, {True: 0.0, False: 0.0}
    salts = range(50)
    for salt in salts:
        con.execute(f"CREATE OR REPLACE TABLE visits AS SELECT * EXCLUDE (id) FROM drawn WHERE salt = {salt} ORDER BY id")
        con.execute(
            "CREATE OR REPLACE TABLE workbench_rows.visits AS SELECT row_number() OVER (ORDER BY id) - 1 AS row, "
            f"r.* EXCLUDE (row) FROM drawn JOIN drawn_rows r ON r.row = id WHERE salt = {salt}"
        )
        for known in (True, False) if salt < 5 else (True,):
            describe(current.path, sum(rows.values()) if known else None)
            visits = current.source("visits")
            for each in estimate(visits.group_by("region").agg(n=visits.count()), current).figures:
                widths[known] += (each.high or 0) - (each.low or 0) if salt < 5 else 0
                held += known and holds(each, rows[each.group[0]])
            if known:
                whole = only(estimate(visits.count(), current)) if salt == 0 else None
                assert whole is None or whole.estimate == pytest.approx(sum(rows.values()))
    assert 0.91 <= held / (len(salts) * len(rows)) <= 0.99
    assert widths[True] < 0.97 * widths[False]


def describe(file: Path, production: int | None, floor: int = 0) -> None:
    """Say how many rows production has; with None, that the sample was drawn from a part of them."""
    now = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    table = TableInfo(production or 10**9, 1, 0, "anchor")
    where = "" if production else "true"
    write(SandboxInfo("box", file, "10%", 0.1, 0, now, now, "ada", (), where, (), floor, {}, {"visits": table}))


def drawn(place: Place, monkeypatch: pytest.MonkeyPatch, floor: int) -> session.Session:
    """An open session with a sample for each salt in one table: visits of 3,000 people; most have few, some very many.

    A salt chooses a tenth of the people by their hash, and of each region at least ``floor``.
    """
    monkeypatch.setenv("WORKBENCH_WORKSPACE", str(place.root))
    con = ibis.duckdb.connect()
    visits = "(1 + 3 * pow(-ln((md5_number_lower(i::VARCHAR) % 9973 + 1) / 9974.0), 1.5))::INT"
    chosen = (
        "SELECT salt, person, people / greatest(hits, least($floor, people))::DOUBLE AS weight FROM (SELECT *, "
        "row_number() OVER (w ORDER BY h) AS rank, count(*) OVER w AS people, count(*) FILTER (h < '1999') OVER w AS hits FROM "
        "(SELECT salt, person, region, md5(salt || '|' || person) AS h FROM people, range($salts) s(salt)) "
        "WINDOW w AS (PARTITION BY salt, region)) WHERE h < '1999' OR rank <= $floor"
    )
    if not floor:
        chosen = chosen.replace("people / greatest(hits, least($floor, people))::DOUBLE", "10.0")
    rows = (
        "SELECT v.rowid AS row, true AS core, weight, row_number() OVER (ORDER BY salt, person) AS number, salt, person "
        "FROM visits v JOIN chosen USING (salt, person)"
    )
    for statement in (
        f"CREATE TEMP TABLE people AS SELECT i AS person, i % 4 AS region, {visits} AS visits FROM range(3000) r(i)",
        "CREATE TEMP TABLE production AS SELECT person, region, exp(3 + person % 7 / 4.0 + n % 3 / 10.0) AS minutes "
        "FROM people, range(60) v(n) WHERE n < visits",
        f"CREATE TEMP TABLE chosen AS {chosen.replace('$floor', str(floor)).replace('$salts', str(SALTS))}",
        "CREATE TABLE visits AS SELECT salt, p.* FROM production p JOIN chosen USING (person)",
        "CREATE SCHEMA workbench_rows",
        "CREATE TABLE workbench_rows.visits AS SELECT row, core, weight, dense_rank() OVER (ORDER BY salt, person) AS cluster "
        f"FROM ({rows})",
    ):
        con.con.execute(statement)
    file = place.root / "box" / "box.duckdb"
    file.parent.mkdir()
    file.touch()
    describe(file, None, floor)
    return session.Session(file, con, tuple(con.list_tables()))


def naive(con: Any, real: float) -> int:
    """For how many salts an interval that takes rows for independent has the mean."""
    query = (
        "SELECT count(*) FILTER (abs(m - $real) <= 1.96 * s / sqrt(n)) FROM (SELECT avg(minutes) m, stddev_samp(minutes) s, "
    )
    return int(con.execute(f"{query} count(*) n FROM visits GROUP BY salt)", {"real": real}).fetchone()[0])


def test_the_public_verb_computes_when_it_is_looked_at(shop: session.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    import workbench as wb

    orders = shop.source("orders")
    given = wb.estimate(orders.amount.median())
    with pytest.raises(UsageError, match="can't be estimated: a median does not follow") as caught:
        given.result()
    assert caught.value.hint == "estimate counts, sums, means, and + - * / of them"
    assert "a median does not follow" in repr(given)
    assert only(wb.estimate(orders.count()).result()).sandbox == len(orders.execute())
    with pytest.raises(UsageError, match="not a int"):
        wb.estimate(3)
    with pytest.raises(UsageError, match="not a IntegerColumn"):
        wb.estimate(orders.month)


def test_the_workspace_may_be_out_of_sight(shop: session.Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_WORKSPACE", str(tmp_path))
    orders, customers = shop.source("orders"), shop.source("customers")
    assert only(estimate(orders.count(), shop)).estimate
    with pytest.raises(NotEstimable, match="in a way that has other rows"):  # the references are not known
        estimate(orders.join(customers, orders.customer == customers.id).count(), shop)
