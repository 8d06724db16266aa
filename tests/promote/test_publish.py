"""Publishing moves readers in one step, undo moves them back, and a crash anywhere leaves them on the old or the new side."""

from __future__ import annotations

import os
import subprocess
import sys

import duckdb
import pytest

from workbench.catalog.operation import recover
from workbench.config import find_workspace
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store

FAIL_POINTS = ["after_intent", "before_swap", "after_write_new", "after_swap", "before_done", "after_done", "after_ledger_head"]


def seen(root) -> dict[str, float]:
    """What a reader sees: revenue by pipeline, read as any tool would."""
    with duckdb.connect(str(root / "warehouse" / "current.duckdb"), read_only=True) as con:
        names = [
            name
            for (name,) in con.execute(
                "SELECT view_name FROM duckdb_views() WHERE schema_name = 'main' AND NOT internal"
            ).fetchall()
        ]
        return {name: con.execute(f'SELECT sum(revenue) FROM "{name}"').fetchone()[0] for name in sorted(names)}


def test_outputs_published_together_become_visible_and_go_back_together(two_versions):
    before = seen(two_versions.root)
    assert two_versions.run("publish", "P-2").code == 0
    after = seen(two_versions.root)
    assert before["daily_sales"] == before["region_totals"]
    assert after["daily_sales"] == after["region_totals"] != before["daily_sales"]
    assert two_versions.run("rollback", "daily_sales").code == 0
    assert seen(two_versions.root) == before
    assert two_versions.run("publish", "P-2").code == 0
    assert seen(two_versions.root) == after


def test_publishing_what_is_live_changes_nothing_and_says_so(two_versions):
    assert two_versions.run("publish", "P-2").code == 0
    ran = two_versions.run("publish", "P-2", "--json")
    assert ran.code == 0
    assert ran.json["moves"] == []
    assert "already" in ran.json["notes"][0]


def test_a_dry_run_of_publish_moves_nobody(two_versions):
    before = seen(two_versions.root)
    ran = two_versions.run("publish", "P-2", "--dry-run", "--json")
    assert [move["pipeline"] for move in ran.json["moves"]] == ["daily_sales", "region_totals"]
    assert seen(two_versions.root) == before


def test_a_version_that_was_published_once_can_be_gone_back_to_by_number(two_versions):
    assert two_versions.run("publish", "P-2").code == 0
    assert two_versions.run("rollback", "daily_sales", "--to", "1").code == 0
    assert two_versions.run("publish", "daily_sales@2").code == 0
    ran = two_versions.run("rollback", "daily_sales", "--to", "9")
    assert ran.code == 2
    assert "v1, v2" in ran.err


def test_rolling_back_twice_never_goes_forward_again(two_versions):
    assert two_versions.run("publish", "P-2").code == 0
    assert two_versions.run("rollback", "daily_sales").code == 0
    ran = two_versions.run("rollback", "daily_sales")
    assert ran.code == 1
    assert "nothing before it" in ran.err


def test_a_promotion_that_was_overtaken_is_refused(two_versions):
    two_versions.edit("+ 20)", "+ 30)")
    assert two_versions.promote("--allow-change", "100%").code == 3
    ran = two_versions.run("publish", "P-2")
    assert ran.code == 1
    assert "superseded" in ran.err
    assert two_versions.run("approve", "P-3").code == 0
    assert two_versions.run("publish", "P-3").code == 0


def test_a_rejected_promotion_is_not_published(waiting):
    assert waiting.run("reject", "P-1", "--why", "no").code == 0
    assert waiting.run("publish", "P-1").code == 1
    assert waiting.run("approve", "P-1").code == 1


def test_damaged_data_is_never_published(two_versions):
    for file in (two_versions.root / "warehouse" / "data" / "daily_sales" / "v2").glob("*.parquet"):
        file.write_bytes(b"")
    ran = two_versions.run("publish", "P-2")
    assert ran.code == 5
    assert "damaged" in ran.err


def test_a_ledger_that_does_not_verify_stops_publishing(two_versions):
    import sqlite3

    with sqlite3.connect(two_versions.root / ".workbench" / "store.db") as con:
        con.execute("UPDATE ledger SET payload = replace(payload, 'because', 'nothing') WHERE seq = 2")
    con.close()
    ran = two_versions.run("publish", "P-2")
    assert ran.code == 4
    assert "entry 2 was changed" in ran.err


@pytest.mark.parametrize("point", FAIL_POINTS)
@pytest.mark.parametrize("verb", ["publish", "rollback"])
def test_killed_at_any_fail_point_production_is_old_or_new_and_doctor_finishes(two_versions, point, verb):
    root = two_versions.root
    old = seen(root)
    command = ["publish", "P-2"]
    if verb == "rollback":
        assert two_versions.run("publish", "P-2").code == 0
        old = seen(root)
        command = ["rollback", "daily_sales"]
    killed = subprocess.run(
        [sys.executable, "-m", "workbench", *command],
        env=os.environ | {"WORKBENCH_FAIL_AT": point},
        capture_output=True,
        check=False,
    )
    assert killed.returncode == 137
    swapped = FAIL_POINTS.index(point) >= FAIL_POINTS.index("after_swap")
    assert (seen(root) != old) is swapped
    assert seen(root)["daily_sales"] == seen(root)["region_totals"]
    assert two_versions.run("doctor").code == 0
    assert (seen(root) != old) is swapped
    workspace = find_workspace(root)
    with Store.open(workspace) as store:
        assert store.verify_ledger() == ()
        assert store.operations(state="begun") == ()
        assert recover(store, Warehouse.open(workspace), at=None) == ()
        entries = [entry for entry in store.ledger() if entry.kind == verb]
    before = 1 if verb == "publish" else 0
    assert len(entries) == before + (1 if swapped else 0)
    assert two_versions.run(*command).code in ((0,) if verb == "publish" or not swapped else (1,))
    assert not list((root / "warehouse").glob("*.tmp*"))
