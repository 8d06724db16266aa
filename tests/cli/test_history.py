"""workbench history: what happened to a pipeline, newest first."""

from __future__ import annotations

from typing import Any

import pytest

from tests.test_docs import hold


def told(shop: Any, pipeline: str, *arguments: str) -> list[tuple[str, int | None, str]]:
    ran = shop.run("history", pipeline, *arguments, "--json")
    assert ran.code == 0, ran.err
    hold("history", ran)
    return [(each["happened"], each["version"], each["subject"]) for each in ran.json["events"]]


def test_everything_that_happened_is_a_line_and_nothing_of_others(two_versions: Any) -> None:
    shop = two_versions
    assert shop.run("publish", "P-2").code == 0
    assert shop.run("run", "daily_sales", "-p", "min_amount=40", "--interval", "2024-01-02..2024-01-03").code == 0
    assert shop.run("rollback", "daily_sales", "--why", "too few orders").code == 0
    assert told(shop, "daily_sales") == [
        ("rolled back", 1, "P-2"),
        ("run", 2, "R-1"),
        ("published", 2, "P-2"),
        ("approved", 2, "P-2"),
        ("promoted", 2, "P-2"),
        ("published", 1, "P-1"),
        ("approved", 1, "P-1"),
        ("promoted", 1, "P-1"),
    ]
    assert all(happened != "run" for happened, *_ in told(shop, "region_totals"))
    assert len(told(shop, "daily_sales", "--limit", "2")) == 2
    printed = shop.run("history", "daily_sales").out.splitlines()
    assert "v2 -> v1" in printed[1]
    assert '"too few orders"' in printed[1]
    assert "2024-01-02..2024-01-03: succeeded, readers see it" in printed[2]


def test_a_refusal_and_its_waiver_are_told(published: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    published.edit("amount >= min_amount.value", "amount > min_amount.value + 5")
    assert published.promote().code == 1
    monkeypatch.setenv("WORKBENCH_USER", "bo@example.org")
    assert published.run("waive", "P-2", "changed", "--why", "agreed").code == 0
    events = published.run("history", "daily_sales", "--json").json["events"]
    newest = [(each["happened"], each["what"].partition(",")[0], each["why"]) for each in events[:2]]
    assert newest == [("waived", "gate changed", "agreed"), ("promoted", "refused", "because")]


def test_a_pipeline_that_nobody_knows_gets_the_nearest(published: Any) -> None:
    refused = published.run("history", "daily_sale")
    assert (refused.code, "did you mean 'daily_sales'?" in refused.err) == (2, True)
