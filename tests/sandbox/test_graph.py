from __future__ import annotations

import pytest

from workbench.config import Reference, Source
from workbench.errors import ConfigError, UsageError
from workbench.sandbox.graph import Role, plan_roles


def source(*parents: str, sample: str | None = None) -> Source:
    references = [Reference(columns=[f"{parent}_id"], source=parent) for parent in parents]
    return Source(read="-", key=["id"], references=references, sample=sample)


SHOP = {
    "customers": source(),
    "orders": source("customers"),
    "lines": source("orders", "parts"),
    "parts": source(),
    "tiny": source(),
}
ROWS = {"customers": 50_000, "orders": 500_000, "lines": 2_000_000, "parts": 20_000, "tiny": 20}


def roles(sources: dict[str, Source], rows: dict[str, int], *anchors: str) -> dict[str, str]:
    return {step.source: step.role.value for step in plan_roles(sources, rows, anchors)}


def test_without_a_rule_the_sources_that_nobody_refers_to_are_anchors() -> None:
    assert roles(SHOP, ROWS) == {
        "tiny": "whole",
        "lines": "anchor",
        "customers": "parent",
        "orders": "parent",
        "parts": "parent",
    }


def test_a_given_anchor_leads_and_its_children_follow() -> None:
    found = {step.source: step for step in plan_roles(SHOP, ROWS, ["customers"])}
    assert {name: step.role for name, step in found.items()} == {
        "tiny": Role.WHOLE, "customers": Role.ANCHOR, "orders": Role.FOLLOW, "lines": Role.FOLLOW, "parts": Role.PARENT,
    }  # fmt: skip
    assert str(found["lines"].via) == "lines(orders_id) -> orders(id)"


def test_small_sources_that_others_refer_to_are_whole() -> None:
    assert roles(SHOP, ROWS | {"parts": 9_000})["parts"] == "whole"
    assert roles(SHOP | {"parts": source(sample="anchor")}, ROWS | {"parts": 9_000})["parts"] == "anchor"


def test_what_hangs_together_with_no_anchor_gets_one_of_its_own() -> None:
    sources = SHOP | {"visits": source("pages"), "pages": source()}
    rows = ROWS | {"visits": 10**6, "pages": 10**5}
    assert roles(sources, rows, "customers")["visits"] == "anchor"
    assert roles(sources, rows, "customers")["pages"] == "parent"


def test_a_cycle_finds_an_anchor() -> None:
    sources = {"a": source("b"), "b": source("a")}
    assert roles(sources, {"a": 10**6, "b": 10**6}) == {"a": "anchor", "b": "follow"}


def test_rules_that_lead_nowhere_are_refused() -> None:
    with pytest.raises(ConfigError, match="no reference of it leads to an anchor to follow"):
        roles({"a": source(sample="follow"), "b": source()}, {"a": 10**6, "b": 10**6})
    with pytest.raises(UsageError, match="no source 'ordrs'; did you mean 'orders'"):
        roles(SHOP, ROWS, "ordrs")
    with pytest.raises(ConfigError, match="customers has no key"):
        roles({"customers": Source(read="-"), "orders": source("customers")}, {"customers": 1, "orders": 1})
