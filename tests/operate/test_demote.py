"""A demoted pipeline runs no more, keeps its history, and comes back; a crash anywhere leaves the old or the new state."""

from __future__ import annotations

import duckdb
import pytest

from tests.operate.typed import killed_at
from workbench.config import find_workspace
from workbench.store import Store, endings

FAIL_POINTS = ["after_intent", "before_swap", "after_write_new", "after_swap", "before_done", "after_done", "after_ledger_head"]


def views(root) -> dict[str, str | None]:
    """The views that any tool sees, each with its comment."""
    with duckdb.connect(str(root / "warehouse" / "current.duckdb"), read_only=True) as con:
        query = "SELECT view_name, comment FROM duckdb_views() WHERE schema_name = 'main' AND NOT internal"
        return dict(con.execute(query).fetchall())


def entries(root, kind: str) -> list[dict]:
    with Store.open(find_workspace(root), read_only=True) as store:
        assert store.verify_ledger() == ()
        return [entry.payload for entry in store.ledger() if entry.kind == kind]


def test_a_demoted_pipeline_leaves_the_schedule_and_refuses_to_run_while_readers_keep_its_data(published):
    ran = published.run("demote", "region_totals", "--why", "nobody asks for it", "--json")
    assert ran.code == 0, ran.err
    assert (ran.json["kind"], ran.json["consumers"], ran.json["to"]) == ("demote", [], ran.json["from"])
    assert views(published.root) == {"daily_sales": None, "region_totals": "no longer refreshed: nobody asks for it"}
    scheduled = {each["pipeline"]: each["schedule"] for each in published.run("schedule", "ls", "--json").json["pipelines"]}
    assert scheduled == {"daily_sales": "0 6 * * *", "region_totals": "never"}
    refused = published.run("run", "region_totals")
    assert refused.code == 4
    assert "next: workbench demote region_totals --undo" in refused.err
    (status,) = [each for each in published.run("status", "--json").json["pipelines"] if each["pipeline"] == "region_totals"]
    assert (status["readers"], status["next_due"]) == ("good", None)
    assert status["demoted"]["why"] == "nobody asks for it"
    assert published.run("doctor").code == 0
    events = published.run("history", "region_totals", "--json").json["events"]
    assert (events[0]["happened"], events[0]["what"]) == ("demoted", "readers keep v1")


def test_a_demotion_is_undone_and_everything_is_as_before(published):
    before = views(published.root)
    status = published.run("status", "--json").json["pipelines"]
    assert published.run("demote", "region_totals", "--withdraw", "--why", "wrong").code == 0
    assert views(published.root) == {"daily_sales": None}
    assert published.run("doctor").code == 0
    ran = published.run("demote", "region_totals", "--undo", "--why", "right after all", "--json")
    assert (ran.code, ran.json["to"]) == (0, ran.json["to"]), ran.err
    assert views(published.root) == before
    again = published.run("status", "--json").json["pipelines"]
    assert [each["next_due"] is None for each in again] == [each["next_due"] is None for each in status]
    assert published.run("run", "region_totals").code == 0
    assert [len(entries(published.root, kind)) for kind in ("demote", "restore")] == [1, 1]


@pytest.mark.parametrize("withdraw", [True, False])
def test_publishing_a_version_brings_a_demoted_pipeline_back(published, withdraw):
    assert published.run("demote", "region_totals", "--why", "no", *(["--withdraw"] if withdraw else [])).code == 0
    ran = published.run("publish", "region_totals@1")
    assert ran.code == 0, ran.err
    assert "now it is back" in ran.out
    assert views(published.root) == {"daily_sales": None, "region_totals": None}
    assert published.run("run", "region_totals").code == 0


def test_who_reads_it_is_named_and_it_stays_unless_they_are_known_of(published):
    (published.root / "promoted" / "region_totals" / "pipeline.toml").write_text('owner = ""\n')
    ran = published.run("demote", "daily_sales", "--withdraw", "--why", "gone")
    assert ran.code == 4
    assert "region_totals@1 (owner: nobody)" in ran.err
    assert set(views(published.root)) == {"daily_sales", "region_totals"}
    ran = published.run("demote", "daily_sales", "--withdraw", "--allow-readers", "--why", "they left", "--json")
    assert ran.code == 0
    assert ran.json["consumers"] == [{"pipeline": "region_totals", "version": 1, "owner": "nobody"}]
    assert published.run("run", "region_totals").code != 0
    assert published.run("demote", "daily_sales", "--undo", "--why", "they did not").code == 0
    assert published.run("run", "region_totals").code == 0


def test_what_is_demoted_itself_counts_as_no_reader(published):
    assert published.run("demote", "region_totals", "--why", "no").code == 0
    assert published.run("demote", "daily_sales", "--why", "no").code == 0


def test_what_can_not_be_demoted_is_said(published):
    assert published.run("demote", "daily_sale", "--why", "no").code == 2
    assert published.run("demote", "region_totals", "--why", "  ").code == 2
    assert published.run("demote", "region_totals", "--undo", "--withdraw", "--why", "no").code == 2
    assert published.run("demote", "region_totals", "--undo", "--why", "no").code == 1
    assert published.run("demote", "region_totals", "--why", "no").code == 0
    twice = published.run("demote", "region_totals", "--why", "no")
    assert twice.code == 1
    assert "demoted on" in twice.err
    assert "already" in twice.err
    assert published.run("demote", "region_totals", "--withdraw", "--why", "also the view").code == 0
    assert set(views(published.root)) == {"daily_sales"}
    assert published.run("demote", "region_totals", "--withdraw", "--why", "no").code == 1


def test_a_pipeline_that_never_was_live_can_not_be_demoted(waiting):
    ran = waiting.run("demote", "daily_sales", "--why", "no")
    assert ran.code == 2
    assert "nothing is published" in ran.err


def test_a_dry_run_names_everything_and_changes_no_byte(published):
    files = {path: path.read_bytes() for path in published.root.rglob("*") if path.is_file()}
    assert published.run("demote", "region_totals", "--withdraw", "--why", "no", "--dry-run").code == 0
    assert files == {path: path.read_bytes() for path in published.root.rglob("*") if path.is_file()}


def test_a_run_under_way_shows_readers_nothing_any_more(production):
    """The run began before the demotion, and would move readers after it."""
    from workbench.errors import GuardRefused
    from workbench.operate.demote import apply, plan_demote
    from workbench.operate.run import run_pipeline
    from workbench.operate.under_way import UnderWay

    seen = production.read("daily_sales")
    production.orders(2, first="2024-02-01", name="more")
    conclude = UnderWay.conclude

    def demoted_meanwhile(self, execution):
        with Store.open(production.workspace) as store:
            asked = {"withdraw": False, "allow_readers": False}
            plan = plan_demote(production.workspace, store, production.warehouse, "daily_sales", **asked)
            assert plan.notes == ("R-1 is under way; readers will not see its result",)
            apply(store, production.warehouse, plan, who="bo", why="broken", at=self.run.started)
        return conclude(self, execution)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(UnderWay, "conclude", demoted_meanwhile)
        with pytest.raises(GuardRefused, match="was demoted"):
            production.go()
    assert production.read("daily_sales") == seen
    with Store.open(production.workspace, read_only=True) as store:
        assert store.run("R-1").status == "failed"
    with pytest.raises(GuardRefused):
        run_pipeline(production.workspace, "daily_sales", who="ada", now=endings.demotions(store)["daily_sales"].at)


@pytest.mark.parametrize("point", FAIL_POINTS)
def test_killed_at_any_fail_point_it_is_demoted_or_it_is_not(published, point):
    root = published.root
    assert killed_at(point, root, "demote", "region_totals", "--withdraw", "--why", "no") == 137
    moved = FAIL_POINTS.index(point) >= FAIL_POINTS.index("after_swap")
    assert ("region_totals" not in views(root)) is moved
    assert published.run("doctor").code == 0
    assert ("region_totals" not in views(root)) is moved
    with Store.open(find_workspace(root), read_only=True) as store:
        assert ("region_totals" in endings.demotions(store)) is moved
        assert store.operations(state="begun") == ()
    assert len(entries(root, "demote")) == moved
    if moved:
        assert killed_at(point, root, "demote", "region_totals", "--undo", "--why", "yes") == 137
        assert "region_totals" in views(root)
        assert published.run("doctor").code == 0
        assert published.run("status").code == 0
        with Store.open(find_workspace(root), read_only=True) as store:
            assert endings.demotions(store) == {}
