"""A gate that refuses may be waived by a second person, with a reason, on the record."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from workbench.config import Settings, Workspace
from workbench.errors import GuardRefused
from workbench.model import GateResult, Verdict
from workbench.promote.waiver import waive
from workbench.store import Store
from workbench.store.records import CandidateRecord

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def refused(published: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """P-2 moves more rows than the gates let pass, so it was refused."""
    published.edit("amount >= min_amount.value", "amount > min_amount.value + 5")
    assert published.promote().code == 1
    assert not (published.root / "promoted" / "daily_sales" / "v2").exists()
    monkeypatch.setenv("WORKBENCH_USER", "bo@example.org")
    return published


def test_a_waived_promotion_waits_is_approved_and_published_as_it_was_judged(refused):
    failing = {
        gate["gate"]
        for candidate in refused.run("gates", "P-2", "--json").json["candidates"]
        for gate in candidate["gates"]
        if gate["verdict"] == "fail"
    }
    assert refused.run("publish", "daily_sales@2").err.startswith("error: P-2 was refused by a gate")
    for number, gate in enumerate(sorted(failing), 1):
        ran = refused.run("waive", "P-2", gate, "--why", "the old prices were wrong")
        left = sorted(failing)[number:]
        assert (ran.code, "it is " + (f"refused by {', '.join(left)} still" if left else "waiting") in ran.out) == (0, True)
        assert refused.run("gates", "P-2", "--json").json["status"] == ("refused" if left else "waiting")
    shown = refused.run("gates", "P-2")
    assert shown.code == 3
    assert "waived by bo@example.org: the old prices were wrong" in shown.out
    assert refused.run("approve", "P-2").code == 0
    assert refused.run("publish", "P-2").code == 0
    told = refused.run("explain", "daily_sales", "--key", "day=2024-01-02")
    assert 'waived gate changed by bo@example.org "the old prices were wrong"' in " ".join(told.out.split())
    origin = refused.run("explain", "daily_sales", "--key", "day=2024-01-02", "--json").json["origin"]
    assert {each["gate"] for each in origin["waived"]} <= failing
    assert {(each["who"], each["why"]) for each in origin["waived"]} == {("bo@example.org", "the old prices were wrong")}
    assert "because" in (refused.root / "promoted" / "daily_sales" / "CHANGELOG.md").read_text()
    assert refused.run("doctor").code == 0, "hashes, ledger and data are as they should be"
    assert refused.promote().code == 0, "the waived version is the notebook's: nothing new"


def test_authors_waive_nothing_for_themselves_even_where_they_may_approve(refused, monkeypatch):
    monkeypatch.setenv("WORKBENCH_USER", "Ada@example.org")
    ran = refused.run("waive", "P-2", "changed", "--why", "please")
    assert ran.code == 4
    assert "was made by ada@example.org, and authors waive nothing for themselves" in ran.err
    assert "workbench waive P-2 changed" in ran.err
    assert refused.run("show", "P-2", "--json").json["status"] == "refused"


def test_a_gate_that_does_not_fail_can_not_be_waived(refused):
    ran = refused.run("waive", "P-2", "key", "--why", "x")
    assert ran.code == 2
    assert "there is no failing gate 'key'" in ran.err
    assert refused.run("waive", "P-2", "changed", "--why", "  ").code == 2
    assert refused.run("waive", "P-1", "changed", "--why", "x").code == 1, "nothing refuses what is published"
    assert refused.run("waive", "P-9", "changed", "--why", "x").code == 2


def test_the_proof_is_never_waived(tmp_path):
    workspace = Workspace(tmp_path, Settings())
    unequal = GateResult("equality", Verdict.FAIL, "row 1 differs")
    with Store.open(workspace) as store:
        made = store.add_promotion(
            notebook="notebooks/a.py",
            notebook_sha256="0" * 64,
            why="because",
            who="ada",
            at=NOW,
            status="refused",
            candidates=[CandidateRecord("daily", 1, "", None, True, "", "", "", gates=(unequal,))],
            manifests={},
        )
    with pytest.raises(GuardRefused, match="can't be waived"):
        waive(workspace, made, "equality", who="bo", why="x", at=NOW, pipeline_toml="")


def test_what_changed_since_it_was_judged_is_not_let_pass(refused):
    kept = refused.root / ".workbench" / "promotions" / "P-2" / "daily_sales" / "__init__.py"
    text = kept.read_text()
    kept.write_text(text + "\n# more\n")
    assert refused.run("waive", "P-2", "changed", "--why", "x").code == 4
    kept.write_text(text)
    refused.edit("EUR", "USD")
    ran = refused.run("waive", "P-2", "changed", "--why", "x")
    assert (ran.code, "notebooks/sales.py was changed" in ran.err) == (4, True)


def test_a_version_that_somebody_else_made_meanwhile_is_not_overwritten(refused):
    refused.edit("+ 5)", "+ 6)")
    assert refused.promote("--allow-change", "100%").code == 3
    refused.edit("+ 6)", "+ 5)")
    ran = refused.run("waive", "P-2", "changed", "--why", "x")
    assert (ran.code, "daily_sales@2 was made by another promotion" in ran.err) == (4, True)
