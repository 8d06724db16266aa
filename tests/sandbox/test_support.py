"""Who aggregates over support rows is told; who joins them is not."""

from __future__ import annotations

from typing import Any

import ibis
import pytest

from tests.sandbox.conftest import Place
from workbench.sandbox import session
from workbench.sandbox.support import unreliable


@pytest.fixture
def tables(place: Place, opened: Any) -> dict[str, Any]:
    """Customers are chosen, orders and lines follow them, products are pulled in, stores are whole."""
    current = opened(place.make("20%", anchors=("customers",)).path)
    return {name: current.source(name) for name in current.sources}


def told(table: Any) -> list[tuple[tuple[str, ...], str]]:
    return [(each.figures, each.why) for each in unreliable(table, session.current())]


def test_an_aggregate_over_support_rows_is_told_with_its_source_and_their_number(tables: dict[str, Any]) -> None:
    support = session.current().support_rows("products")
    products = tables["products"]
    why = f"computed over {support:,} rows of products that are in the sandbox only because chosen rows refer to them"
    assert told(products.agg(n=products.count())) == [(("n",), why)]
    filtered = products.filter(products.id > 10).select("part_of", "id").order_by("id")
    assert told(filtered.group_by("part_of").agg(n=ibis._.count(), top=ibis._.id.max())) == [(("n", "top"), why)]
    stores = tables["stores"]
    assert told(products.join(stores, products.id == stores.id).agg(n=ibis._.count())) == [(("n",), why)]
    assert told(products.mutate(place=ibis.row_number().over(order_by="id"))) == [(("place",), why)]
    assert told(products.count().as_table().mutate(more=1))[0][1] == why


def test_looking_something_up_in_support_rows_is_fine(tables: dict[str, Any]) -> None:
    lines, products, orders, stores = (tables[name] for name in ("lines", "products", "orders", "stores"))
    for joined in (
        lines.join(products, lines.product == products.id),
        lines.left_join(products, lines.product == products.id),
        lines.semi_join(products, lines.product == products.id),
        products.join(lines, lines.product == products.id),
        products.right_join(lines, lines.product == products.id),
    ):
        assert told(joined.group_by("store").agg(n=ibis._.count(), price=ibis._.price.mean())) == []
    assert told(products) == []
    assert told(orders.group_by("month").agg(n=ibis._.count())) == []
    assert told(stores.agg(n=ibis._.count())) == []


def test_joins_that_keep_support_rows_without_a_match_are_told(tables: dict[str, Any]) -> None:
    lines, products = tables["lines"], tables["products"]
    for joined in (
        products.left_join(lines, lines.product == products.id),
        products.anti_join(lines, lines.product == products.id),
        lines.outer_join(products, lines.product == products.id),
    ):
        (found,) = told(joined.agg(n=ibis._.count()))
        assert "rows of products" in found[1]


def test_counting_for_each_row_that_is_only_referred_to_is_told(tables: dict[str, Any]) -> None:
    lines = tables["lines"]
    why = "for each product only some rows of lines are in the sandbox"
    assert told(lines.group_by("product").agg(n=ibis._.count())) == [(("n",), why)]
    assert told(lines.group_by("order_id").agg(n=ibis._.count())) == []
    assert told(lines.group_by("store").agg(n=ibis._.count())) == []


def test_an_aggregate_of_an_aggregate_is_told_once(tables: dict[str, Any]) -> None:
    products = tables["products"]
    inner = products.group_by("part_of").agg(n=ibis._.count())
    assert [figures for figures, _ in told(inner.agg(m=ibis._.n.mean()))] == [("n",)]


def test_a_sandbox_that_has_every_row_tells_nothing(place: Place, opened: Any) -> None:
    current = opened(place.make("100%").path)
    assert current.support_rows("products") == 3000
    table = current.source("products")
    assert unreliable(table.agg(n=table.count()), current) == ()
