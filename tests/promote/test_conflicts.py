"""Two people, one promotion: whoever comes second is told what happened, and what to type."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.config import find_workspace
from workbench.errors import GuardRefused
from workbench.store import Store

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shared(waiting):
    """A promotion that waits in a workspace of several people."""
    project = waiting.root / "pyproject.toml"
    project.write_text(project.read_text().replace("self_approval = true", ""))
    return waiting


def test_two_people_who_approve_at_once_both_succeed_and_the_ledger_holds(shared):
    def typed(who: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "workbench", "approve", "P-1"],
            cwd=shared.root,
            env={**os.environ, "PYTHONPATH": str(ROOT), "WORKBENCH_USER": who},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    people = [typed("dee@example.org"), typed("eve@example.org")]
    for person in people:
        said, _ = person.communicate(timeout=120)
        assert person.returncode == 0, said
    with Store.open(find_workspace(shared.root), read_only=True) as store:
        promotion = store.promotion("P-1")
        assert promotion is not None
        assert promotion.status == "approved"
        assert 1 <= len(store.approvals("P-1")) <= 2
        assert {each.decision for each in store.approvals("P-1")} == {"approve"}
    assert shared.run("audit", "verify").code == 0
    assert shared.run("publish", "P-1").code == 0


def test_who_approves_what_was_rejected_meanwhile_is_told(shared, monkeypatch):
    monkeypatch.setenv("WORKBENCH_USER", "dee@example.org")
    with Store.open(find_workspace(shared.root), read_only=True) as store:
        read = store.promotion("P-1")
    assert shared.run("reject", "P-1", "--why", "not now").code == 0
    moment = dt.datetime.now(dt.UTC)
    with Store.open(find_workspace(shared.root)) as store, pytest.raises(GuardRefused, match="decided meanwhile") as refused:
        store.add_approval("P-1", who="eve@example.org", at=moment, digest=read.digest, decision="approve")
    assert refused.value.hint == "workbench show P-1"
    assert shared.run("approve", "P-1").code == 1


def test_a_promotion_that_was_superseded_while_it_waited_names_the_one_in_its_place(shared, monkeypatch):
    shared.edit("revenue=ibis._.amount.sum())", "revenue=ibis._.amount.sum(), largest=ibis._.amount.max())")
    assert shared.promote().code == 3
    monkeypatch.setenv("WORKBENCH_USER", "dee@example.org")
    ran = shared.run("approve", "P-1")
    assert ran.code == 1
    assert "P-1 is superseded by P-2; there is nothing to decide" in ran.err
    assert "next: workbench show P-2" in ran.err
    assert shared.run("approve", "P-2").code == 0


def test_an_owner_who_left_is_replaced_where_the_refusal_says(shared, monkeypatch):
    project = shared.root / "pyproject.toml"
    project.write_text(project.read_text() + '\n[tool.workbench.approval]\napprovers = { "*" = ["owner"] }\n')
    text = project.read_text().replace("[tool.workbench.approval]\n\n", "", 1)
    project.write_text(text)
    files = [shared.root / "promoted" / pipeline / "pipeline.toml" for pipeline in ("daily_sales", "region_totals")]
    for file in files:
        file.write_text(file.read_text().replace("ada@example.org", "gone@example.org"))
    monkeypatch.setenv("WORKBENCH_USER", "dee@example.org")
    ran = shared.run("approve", "P-1")
    assert ran.code == 4, ran.out + ran.err
    assert "who may: gone@example.org" in ran.err
    assert "if gone@example.org has left, name another owner in promoted/daily_sales/pipeline.toml" in ran.err
    for file in files:
        file.write_text(file.read_text().replace("gone@example.org", "dee@example.org"))
    assert shared.run("approve", "P-1").code == 0
