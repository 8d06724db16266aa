"""A canary: chosen readers see the candidate, all others what is live; one atomic step in, one out, whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys

import duckdb
import pytest

from workbench.catalog.operation import recover
from workbench.config import find_workspace
from workbench.runtime.canary import BUCKETS, Canary
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store, beside

FAIL_POINTS = ["after_intent", "before_swap", "after_write_new", "after_swap", "before_done", "after_done", "after_ledger_head"]


def seen(root, path: str = "main") -> dict[str, float]:
    """Revenue by pipeline as a reader sees it who has set this search path."""
    with duckdb.connect(str(root / "warehouse" / "current.duckdb"), read_only=True) as con:
        con.execute(f"SET search_path = '{path}'")
        return {
            name: con.execute(f"SELECT sum(revenue) FROM {name}").fetchone()[0] for name in ("daily_sales", "region_totals")
        }


def test_chosen_readers_see_the_candidate_and_all_others_what_is_live(two_versions):
    root = two_versions.root
    before = seen(root)
    ran = two_versions.run("publish", "P-2", "--canary", "5%", "--to", "ada@example.org")
    assert ran.code == 0, ran.err
    assert "5% of readers, and ada@example.org see v2" in ran.out
    assert seen(root) == before
    beside_live = seen(root, "canary,main")
    assert beside_live["daily_sales"] == beside_live["region_totals"] != before["daily_sales"]


def test_the_same_readers_are_chosen_in_python_in_sql_and_when_the_share_grows(two_versions):
    root = two_versions.root
    assert two_versions.run("publish", "P-2", "--canary", "20%", "--to", "Ada@example.org").code == 0
    names = [f"reader-{i}" for i in range(200)] + ["ADA@example.org"]

    def chosen() -> set[str]:
        with duckdb.connect(str(root / "warehouse" / "current.duckdb"), read_only=True) as con:
            query = "SELECT version FROM workbench.reads(?) WHERE pipeline = 'daily_sales' AND \"schema\" = 'canary'"
            return {name for name in names if con.execute(query, [name]).fetchall() == [(2,)]}

    first = chosen()
    canary = Warehouse.open(find_workspace(root)).current().canaries["P-2"]
    assert first == {name for name in names if canary.chooses(name)}
    assert "ADA@example.org" in first
    assert 20 < len(first) < 60
    for name in ("reader-0", "reader-1", "ada@example.org"):
        told = two_versions.run("canary", "reader", name, "--pipeline", "daily_sales", "--json").json
        assert (told["reads"][0]["schema"] == "canary") is (name in first or name.startswith("ada"))
        assert told["search_path"] == ("canary,main" if name in first or name.startswith("ada") else "main")
    assert two_versions.run("publish", "P-2", "--canary", "40%").code == 0
    assert first - {"ADA@example.org"} < chosen()


def test_a_share_is_drawn_anew_for_each_promotion():
    shown = {one: {i for i in range(500) if Canary(one, 500, (), {}).chooses(f"r{i}")} for one in ("P-2", "P-3")}
    assert shown["P-2"] != shown["P-3"]
    assert all(Canary("P-2", BUCKETS, (), {}).chooses(f"r{i}") for i in range(50))


def test_a_share_that_is_none_and_a_reader_without_a_name_are_refused(two_versions):
    for share in ("0%", "150%", "-5%", "5 percent", "nan", "0.001%", ""):
        ran = two_versions.run("publish", "P-2", f"--canary={share}")
        assert ran.code == 2, share
        assert "--canary 5%" in ran.err
    assert two_versions.run("publish", "P-2", "--to", "'; DROP VIEW x --").code == 2
    assert two_versions.run("canary", "reader", "").code == 2
    assert Warehouse.open(find_workspace(two_versions.root)).current().canaries == {}
    with (two_versions.root / "promoted" / "daily_sales" / "v2" / "__init__.py").open("a") as stream:
        stream.write("# later\n")
    assert two_versions.run("publish", "P-2", "--canary", "5%").code == 4


def test_a_promotion_is_asked_for_what_a_publication_is(waiting):
    ran = waiting.run("publish", "P-1", "--canary", "5%")
    assert ran.code == 3
    assert "waits for approval" in ran.err
    assert waiting.run("approve", "P-1").code == 0
    ran = waiting.run("publish", "P-1", "--canary", "5%")
    assert ran.code == 1
    assert "no live version" in ran.err
    assert waiting.run("publish", "P-7", "--canary", "5%").code == 2
    assert waiting.run("publish", "daily_sales@1", "--canary", "5%").code == 2


def test_the_same_canary_twice_changes_nothing_and_a_dry_run_neither(two_versions):
    dry = two_versions.run("publish", "P-2", "--canary", "5%", "--dry-run", "--json")
    assert [move["pipeline"] for move in dry.json["moves"]] == ["daily_sales", "region_totals"]
    assert two_versions.run("canary", "status", "--json").json["canaries"] == []
    assert two_versions.run("publish", "P-2", "--canary", "5%").code == 0
    entries = len(two_versions.run("audit", "log", "--limit", "99", "--json").json["entries"])
    again = two_versions.run("publish", "P-2", "--canary", "5%", "--json")
    assert again.code == 0
    assert (again.json["operation"], again.json["moves"]) == (None, [])
    assert len(two_versions.run("audit", "log", "--limit", "99", "--json").json["entries"]) == entries


def test_promoting_a_canary_moves_everybody_and_a_rollback_undoes_it(two_versions):
    root = two_versions.root
    before = seen(root)
    assert two_versions.run("publish", "P-2", "--canary", "5%").code == 0
    candidate = seen(root, "canary,main")
    assert two_versions.run("canary", "promote", "daily_sales").code == 0
    assert seen(root) == candidate == seen(root, "canary,main")
    ran = two_versions.run("publish", "P-2", "--canary", "5%")
    assert ran.code == 1
    assert "already" in ran.err
    assert two_versions.run("canary", "status", "--json").json["canaries"] == []
    assert two_versions.run("canary", "status", "P-2", "--json").json["canaries"][0]["outcome"] == "promoted"
    assert two_versions.run("rollback", "daily_sales").code == 0
    assert seen(root) == before == seen(root, "canary,main")


def test_an_aborted_canary_leaves_its_readers_what_all_see_and_the_promotion_open(two_versions):
    root = two_versions.root
    before = seen(root)
    assert two_versions.run("publish", "P-2", "--canary", "5%").code == 0
    assert two_versions.run("canary", "abort", "P-2", "--why", " ").code == 2
    assert two_versions.run("canary", "abort", "P-2", "--why", "totals look wrong").code == 0
    assert seen(root) == before == seen(root, "canary,main")
    ran = two_versions.run("canary", "abort", "P-2", "--why", "again")
    assert ran.code == 2
    assert "running canary" in ran.err
    assert "totals look wrong" in two_versions.run("history", "daily_sales").out
    assert two_versions.run("publish", "P-2", "--canary", "10%").code == 0
    assert two_versions.run("publish", "P-2").code == 0


def test_two_canaries_of_one_pipeline_are_refused_unless_the_first_was_superseded(two_versions):
    root = two_versions.root
    workspace = find_workspace(root)
    assert two_versions.run("publish", "P-2", "--canary", "5%").code == 0
    two_versions.edit("+ 20)", "+ 30)")
    assert two_versions.promote("--allow-change", "100%").code == 3
    assert Warehouse.open(workspace).current().canaries == {}
    assert two_versions.run("approve", "P-3").code == 0
    later = two_versions.notebook.read_text()
    with Store.open(workspace) as store:
        store.set_promotion_status("P-2", "approved")
    two_versions.edit("+ 30)", "+ 20)")
    assert two_versions.run("publish", "P-2", "--canary", "5%").code == 0
    two_versions.notebook.write_text(later)
    first = seen(root, "canary,main")
    ran = two_versions.run("publish", "P-3", "--canary", "5%")
    assert ran.code == 1
    assert "by the canary of P-2" in ran.err
    with Store.open(workspace) as store:
        store.set_promotion_status("P-2", "superseded")
    assert two_versions.run("publish", "P-3", "--canary", "5%").code == 0
    assert seen(root, "canary,main") != first
    with Store.open(workspace, read_only=True) as store:
        assert [(each.promotion, each.state, each.outcome) for each in beside.find(store)] == [
            ("P-2", "ended", "overtaken"),
            ("P-2", "ended", "replaced"),
            ("P-3", "running", ""),
        ]


def test_readers_who_are_moved_to_another_version_end_a_canary_in_the_same_step(two_versions):
    root = two_versions.root
    assert two_versions.run("publish", "P-2").code == 0
    two_versions.edit("+ 20)", "+ 30)")
    assert two_versions.promote("--allow-change", "100%").code == 3
    assert two_versions.run("approve", "P-3").code == 0
    assert two_versions.run("publish", "P-3", "--canary", "5%").code == 0
    assert two_versions.run("rollback", "daily_sales").code == 0
    assert seen(root) == seen(root, "canary,main")
    ended = two_versions.run("canary", "status", "P-3", "--json").json["canaries"][0]
    assert (ended["outcome"], ended["reason"]) == ("overtaken", "readers of daily_sales were moved to v1")
    ran = two_versions.run("publish", "P-3", "--canary", "5%")
    assert ran.code == 1
    assert "judged against daily_sales@2" in ran.err


@pytest.mark.parametrize(
    ("verb", "point"),
    [
        ("begin", "after_swap"),
        ("abort", "after_write_new"),
        *(pytest.param("begin", point, marks=pytest.mark.drill) for point in FAIL_POINTS if point != "after_swap"),
        *(pytest.param("abort", point, marks=pytest.mark.drill) for point in FAIL_POINTS if point != "after_write_new"),
    ],
)
def test_killed_at_any_fail_point_chosen_readers_are_on_one_side_and_doctor_finishes(two_versions, verb, point):
    root = two_versions.root
    live = seen(root)
    command = ["publish", "P-2", "--canary", "5%"]
    if verb == "abort":
        assert two_versions.run(*command).code == 0
        command = ["canary", "abort", "P-2", "--why", "no"]
    old = seen(root, "canary,main")
    killed = subprocess.run(
        [sys.executable, "-m", "workbench", *command],
        env=os.environ | {"WORKBENCH_FAIL_AT": point},
        capture_output=True,
        check=False,
    )
    assert killed.returncode == 137, killed.stderr
    swapped = FAIL_POINTS.index(point) >= FAIL_POINTS.index("after_swap")
    now = seen(root, "canary,main")
    assert (now != old) is swapped
    assert now["daily_sales"] == now["region_totals"]
    assert two_versions.run("doctor").code == 0
    assert (seen(root, "canary,main") != old) is swapped
    assert seen(root) == live
    workspace = find_workspace(root)
    with Store.open(workspace) as store:
        assert store.verify_ledger() == ()
        assert store.operations(state="begun") == ()
        assert recover(store, Warehouse.open(workspace), at=None) == ()
        running = beside.running(store)
    shown = swapped if verb == "begin" else not swapped
    assert [each.promotion for each in running] == (["P-2"] if shown else [])
    assert two_versions.run(*command).code == (2 if verb == "abort" and swapped else 0)
