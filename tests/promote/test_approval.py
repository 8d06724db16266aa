"""Who may approve a promotion."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.catalog.owner import approvers
from workbench.config import Approval, find_workspace
from workbench.errors import ConfigError


def rules(shop: Any, text: str) -> None:
    """Replace the shop's rules of approval."""
    file = shop.root / "pyproject.toml"
    file.write_text(file.read_text().replace("self_approval = true", text))


def test_an_author_may_not_approve_unless_the_workspace_says_so(waiting, monkeypatch):
    rules(waiting, "")
    refused = waiting.run("approve", "P-1")
    assert refused.code == 4
    assert "P-1 was made by ada@example.org" in refused.err
    assert "workbench approve P-1" in refused.err
    assert waiting.run("publish", "P-1").code == 3, "it still waits"
    monkeypatch.setenv("WORKBENCH_USER", "ADA@example.org")
    assert waiting.run("approve", "P-1").code == 4, "writing the name otherwise makes nobody else of its bearer"
    monkeypatch.setenv("WORKBENCH_USER", "bo@example.org")
    assert waiting.run("approve", "P-1").code == 0


def test_an_author_may_reject_what_they_made(waiting):
    rules(waiting, "")
    refused = waiting.run("reject", "P-1", "--why", " ")
    assert (refused.code, "a rejection needs a reason" in refused.err) == (2, True)
    assert waiting.run("reject", "P-1", "--why", "a mistake").code == 0


def test_only_those_whom_a_pattern_names_may_approve(waiting, monkeypatch):
    rules(
        waiting,
        'approvers = { "*" = ["cy@example.org"], "daily_*" = ["@sales", "cy@example.org"] }\nteams.sales = ["Bo@example.org"]',
    )
    monkeypatch.setenv("WORKBENCH_USER", "bo@example.org")
    refused = waiting.run("approve", "P-1")
    assert refused.code == 4
    assert "bo@example.org may not approve region_totals; who may: cy@example.org" in refused.err
    monkeypatch.setenv("WORKBENCH_USER", "cy@example.org")
    assert waiting.run("approve", "P-1").code == 0


def test_the_owner_is_whom_the_pipeline_names_now(waiting, monkeypatch):
    rules(waiting, 'approvers = { "*" = ["owner"] }')
    monkeypatch.setenv("WORKBENCH_USER", "dee@example.org")
    refused = waiting.run("approve", "P-1")
    assert refused.code == 4
    assert "nobody may approve daily_sales: only ada@example.org could, who made it" in refused.err
    assert "name others in tool.workbench.approval.approvers" in refused.err
    for pipeline in ("daily_sales", "region_totals"):
        file = waiting.root / "promoted" / pipeline / "pipeline.toml"
        file.write_text(file.read_text().replace("ada@example.org", "dee@example.org"))
    assert waiting.run("approve", "P-1").code == 0


def test_a_team_that_is_not_listed_is_an_error_of_configuration(shop):
    rules(shop, 'approvers = { "*" = ["@sales"] }')
    with pytest.raises(ConfigError, match="names the team '@sales'"):
        find_workspace(shop.root)


def test_a_pipeline_file_that_does_not_parse_is_named(waiting, monkeypatch):
    rules(waiting, 'approvers = { "*" = ["owner"] }')
    (waiting.root / "promoted" / "daily_sales" / "pipeline.toml").write_text("owner = [")
    monkeypatch.setenv("WORKBENCH_USER", "dee@example.org")
    refused = waiting.run("approve", "P-1")
    assert refused.code == 2
    assert "promoted/daily_sales/pipeline.toml" in refused.err


def test_the_last_pattern_that_matches_counts():
    settings = Approval(approvers={"*": ["ann"], "tax_*": ["bo"], "tax_old": []})
    assert approvers(settings, "tax_new", "") == {"bo"}
    assert approvers(settings, "tax_old", "") == frozenset()
    assert approvers(settings, "sales", "") == {"ann"}
    assert approvers(Approval(), "sales", "ann") is None
