"""Candidates beside production: they follow each run, are judged, and never touch what the run gave its readers."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, replace

import duckdb
import ibis
import pytest

from tests.conftest import Ran
from tests.test_docs import hold
from workbench.cli.main import main
from workbench.config import find_workspace
from workbench.model import Check, GateResult, Verdict, VersionId
from workbench.promote.diff import TableDiff, diff
from workbench.promote.module import load_module
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store, beside
from workbench.store.records import CandidateRecord, promotion_digest

from .conftest import DAILY, DAILY_CONTRACT, Production

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
CAPPED = DAILY.replace("_.amount >= min_amount", "(_.amount >= min_amount) & (_.amount < 1000)")


def candidate(body: str) -> str:
    """The daily sales once more, after some lines that only a candidate has."""
    return DAILY.replace("    return orders", f"    {body}\n    return orders")


@dataclass
class Beside:
    """A production with P-1, a second version of the daily sales that is approved."""

    production: Production
    capsys: pytest.CaptureFixture[str]

    def type(self, *arguments: str) -> tuple[int, str]:
        code = main(list(arguments))
        captured = self.capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out + captured.err

    def json(self, *arguments: str, schema: str = "") -> dict:
        code = main([*arguments, "--json"])
        out = self.capsys.readouterr().out
        if schema:
            hold(schema, Ran(code, out, ""))
        return json.loads(out)

    def promote(
        self, code: str, *, contract=DAILY_CONTRACT, declared: float | None = None, gates=(), seen: TableDiff | None = None
    ) -> str:
        production = self.production
        folder = production.version(contract, code, number=2)
        production.workspace.notebooks.mkdir(exist_ok=True)
        (production.workspace.notebooks / "sales.py").write_text("app")
        live = production.warehouse.live()["daily_sales"]
        con = production.warehouse.connect()
        # Its trial saw what the live version computes: a hand-made candidate may not run at all.
        snapshot = production.warehouse.write(
            load_module(production.root / "promoted" / "daily_sales" / "v1" / "__init__.py", "daily_sales")(
                production.warehouse.source(con, "orders")
            ),
            pipeline="daily_sales",
            version=2,
            key=("day",),
            partition_by="day",
        )
        con.disconnect()
        files = json.loads((folder / "manifest.json").read_text())["files"]
        notebook = hashlib.sha256(b"app").hexdigest()
        changed = GateResult("changed", Verdict.PASS, "", {"declared": declared})
        one = CandidateRecord(
            "daily_sales",
            2,
            snapshot.id,
            live.version,
            True,
            files["__init__.py"],
            files["contract.yaml"],
            "",
            (changed, *gates),
        )
        if seen is not None:
            evidence = production.workspace.state / "promotions" / "P-1" / "daily_sales" / "evidence" / "diff.json"
            evidence.parent.mkdir(parents=True)
            evidence.write_text(json.dumps({"logic": seen.to_json(), "data": None}))
        manifest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
        with Store.open(production.workspace) as store:
            made = store.add_promotion(
                notebook="notebooks/sales.py",
                notebook_sha256=notebook,
                why="because",
                who="ann",
                at=dt.datetime.now(dt.UTC),
                status="waiting",
                candidates=[one],
                manifests={VersionId("daily_sales", 2): manifest},
            )
            store.add_approval(made.id, who="bo", at=NOW, digest=promotion_digest(notebook, [one]), decision="approve")
        return made.id

    def canary(self) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.production.workspace.warehouse / "current.duckdb"), read_only=True) as con:
            con.execute("SET search_path = 'canary,main'")
            return con.execute("SELECT * FROM daily_sales ORDER BY ALL").fetchall()

    def last(self) -> dict:
        return self.json("canary", "status", "P-1", schema="canary-status")["canaries"][-1]


@pytest.fixture
def shop(production, capsys, monkeypatch) -> Beside:
    monkeypatch.setenv("COLUMNS", "200")
    return Beside(production, capsys)


def test_a_canary_follows_each_run_and_its_readers_get_the_new_days_too(shop):
    shop.promote(DAILY.replace("_.count()", "_.count() + 1"), declared=1.0)
    assert shop.type("publish", "P-1", "--canary", "5%")[0] == 0
    shop.production.orders(5)
    code, said = shop.type("run", "daily_sales")
    assert code == 0
    assert "T-1 holds" in said
    live, seen = shop.production.read("daily_sales"), shop.canary()
    assert [row[1] for row in live] == [10] * 5
    assert [row[1] for row in seen] == [11] * 5
    shop.production.orders(1, first="2024-01-06", name="more")
    assert shop.type("run", "daily_sales", "--interval", "2024-01-06..2024-01-07")[0] == 0
    assert len(shop.canary()) == 6
    trials = shop.last()["trials"]
    assert [each["differs"]["changed"] for each in trials] == [5, 1]  # of an interval its days alone
    code, said = shop.type("canary", "promote", "P-1")
    assert code == 0
    assert "got newer data" not in said
    assert shop.production.read("daily_sales") == shop.canary()
    assert len(shop.canary()) == 6
    assert shop.type("audit", "verify")[0] == 0
    said = shop.type("explain", "daily_sales", "--for", "2024-01-06")[1]
    assert "the trial of P-1 beside R-2" in said
    assert "source orders" in said
    assert "canary of P-1 brought up to date: by T-2" in shop.type("audit", "log")[1]


def test_a_breach_takes_the_candidate_away_and_stops_its_publication(shop):
    shop.promote(CAPPED)
    assert shop.type("publish", "P-1", "--canary", "5%")[0] == 0
    before = shop.canary()
    shop.production.orders(3, amount="5000.0")
    code, said = shop.type("run", "daily_sales", "--interval", "2024-01-02..2024-01-03")
    assert code == 0  # the run's own answer
    assert "was withdrawn" in said
    assert shop.canary() == shop.production.read("daily_sales") != before
    ended = shop.last()
    assert (ended["state"], ended["outcome"]) == ("ended", "breach")
    assert "computed no rows beside R-1, which computed 1" in ended["reason"]
    code, said = shop.type("publish", "P-1")
    assert code == 4
    assert "gate canary: withdrawn" in said
    kinds = [entry["kind"] for entry in shop.json("audit", "log", "--limit", "9")["entries"]]
    assert kinds[0] == "withdraw"
    # Shown to a canary again, it has to hold beside a run before all readers may see it.
    shop.production.orders(3)
    assert shop.type("publish", "P-1", "--canary", "5%")[0] == 0
    assert shop.type("publish", "P-1")[0] == 3
    assert shop.type("run", "daily_sales")[0] == 0
    assert shop.type("publish", "P-1")[0] == 0


def test_what_the_author_declared_is_no_breach_and_what_nobody_did_is(shop):
    shop.promote(DAILY.replace("_.amount.sum()", "_.amount.sum() * 2"))
    assert shop.type("publish", "P-1", "--to", "ada")[0] == 0
    assert shop.type("run", "daily_sales")[0] == 0
    assert "gate changed: 3 rows differ" in shop.last()["reason"]


@pytest.mark.parametrize(
    ("later", "waived"),
    [("200", False), pytest.param('ibis.null("int64")', True, marks=pytest.mark.drill)],
)
def test_what_was_declared_or_waived_is_a_change_like_the_one_that_was_seen(shop, later, waived):
    base, candidate = (
        ibis.memtable({"day": [f"2024-01-0{i}" for i in (1, 2, 3)], "revenue": [245.0 * times] * 3}) for times in (1, 2)
    )
    by = GateResult("changed", Verdict.WARN, "", {"waived": {"who": "bo", "why": "meant"}})
    code = DAILY.rstrip() + f'.mutate(revenue=_.revenue * ibis.ifelse(_.day < ibis.date("2024-01-04"), 2, {later}))\n'
    shop.promote(code, declared=None if waived else 1.0, seen=diff(base, candidate, key=("day",)), gates=[by] if waived else ())
    assert shop.type("publish", "P-1", "--to", "ada")[0] == 0
    assert shop.type("run", "daily_sales")[0] == 0
    assert shop.last()["state"] == "running"  # days as those that were seen
    shop.production.orders(3, first="2024-01-04", name="later")
    assert shop.type("run", "daily_sales", "--interval", "2024-01-04..2024-01-07")[0] == 0
    assert "gate drift: moved otherwise than when it was promoted: revenue" in shop.last()["reason"]


def test_a_check_that_only_the_candidate_breaks_is_a_breach_with_its_rows(shop):
    tight = replace(DAILY_CONTRACT, checks=(Check("between", ("revenue",), {"low": 0, "high": 10}),))
    shop.promote(DAILY, contract=tight)
    assert shop.type("publish", "P-1", "--to", "ada")[0] == 0
    assert shop.type("run", "daily_sales")[0] == 0
    ended = shop.last()
    assert ended["reason"].startswith("T-1 beside R-1: gate contract: 1 of 1 check broken")
    (gate,) = (gate for gate in ended["trials"][0]["gates"] if gate["gate"] == "contract")
    assert gate["evidence"]["checks"][0]["violations"] == 3


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('raise ValueError("no such luck")', "ValueError: no such luck"),
        pytest.param('orders = orders.mutate(amount=_.amount.cast("string").cast("date"))', "cell", marks=pytest.mark.drill),
        ("import time; time.sleep(60)", "TimeLimit"),
    ],
)
def test_whatever_becomes_of_the_candidate_the_run_knows_nothing_of_it(shop, body, said):
    shop.promote(candidate(body))
    assert shop.type("shadow", "start", "P-1", "--runs", "1", "--time-limit", "2s")[0] == 0
    shop.production.orders(4)
    code, _ = shop.type("run", "daily_sales")
    assert code == 0
    assert len(shop.production.read("daily_sales")) == 4
    assert shop.json("runs", "show", "R-1")["status"] == "succeeded"
    told = shop.json("shadow", "status", "P-1")["shadows"][0]
    assert (told["state"], told["outcome"], told["counted"]) == ("ended", "done", 1)
    assert said in told["trials"][0]["breach"]
    assert shop.type("shadow", "status", "P-1")[0] == 1


def test_a_shadow_is_seen_by_nobody_ends_after_its_runs_and_is_compared(shop, tmp_path):
    shop.promote(DAILY.replace("_.count()", "_.count() + 1"), declared=1.0)
    assert shop.type("shadow", "start", "P-1", "--runs", "2")[0] == 0
    assert shop.type("shadow", "status", "P-1")[0] == 3
    assert shop.type("publish", "P-1", "--canary", "5%")[0] == 1  # one thing at a time
    for days in (4, 5, 6):
        shop.production.orders(days)
        assert shop.type("run", "daily_sales")[0] == 0
        assert shop.canary() == shop.production.read("daily_sales")
    told = shop.json("shadow", "status", "P-1")["shadows"][0]
    assert (told["outcome"], [each["run"] for each in told["trials"]]) == ("done", ["R-1", "R-2"])
    assert [each["differs"]["changed"] for each in told["trials"]] == [4, 5]
    page = tmp_path / "shadow.html"
    code, out = shop.type("shadow", "status", "P-1", "--rows", "1", "--html", str(page))
    assert code == 0
    assert "2 of 2 trials held" in out
    assert "T-2, daily_sales@2 beside R-2" in page.read_text()


def test_a_shadow_that_is_asked_for_holds_up_the_publication_until_it_has_happened(shop):
    shop.promote(DAILY, gates=(GateResult("shadow", Verdict.WAITING, "waits for 2 runs", {"wanted": 2}),))
    code, said = shop.type("publish", "P-1")
    assert code == 3
    assert "waits for 2 runs" in said
    assert "next: workbench shadow start P-1 --runs 2" in said
    assert shop.type("publish", "P-1", "--canary", "5%")[0] == 3
    assert shop.type("shadow", "start", "P-1", "--runs", "1")[0] == 0
    assert shop.type("run", "daily_sales")[0] == 0
    code, said = shop.type("publish", "P-1")
    assert code == 3
    assert "shadow start P-1 --runs 2" in said
    assert shop.type("shadow", "start", "P-1", "--runs", "2")[0] == 0
    assert shop.type("run", "daily_sales")[0] == 0
    assert shop.type("publish", "P-1")[0] == 3
    assert shop.type("run", "daily_sales")[0] == 0
    assert shop.type("publish", "P-1")[0] == 0


@pytest.mark.drill
def test_a_shadow_that_did_not_hold_refuses_the_publication_until_another_one_does(shop):
    shop.promote(CAPPED, gates=(GateResult("shadow", Verdict.WAITING, "waits for 1 run", {"wanted": 1}),))
    assert shop.type("shadow", "start", "P-1", "--runs", "1")[0] == 0
    shop.production.orders(3, amount="5000.0")
    assert shop.type("run", "daily_sales")[0] == 0
    code, said = shop.type("publish", "P-1")
    assert code == 4
    assert "1 of 1 did not hold" in said
    shop.production.orders(3)
    assert shop.type("shadow", "start", "P-1", "--runs", "1")[0] == 0
    assert shop.type("run", "daily_sales")[0] == 0
    assert shop.type("publish", "P-1")[0] == 0


def test_a_shadow_can_be_stopped_and_started_again(shop):
    shop.promote(DAILY)
    assert shop.type("shadow", "stop", "P-1", "--why", "no")[0] == 2
    assert shop.type("shadow", "start", "P-1", "--runs", "0")[0] == 2
    assert shop.type("shadow", "start", "P-1", "--time-limit", "0s")[0] == 2
    assert shop.type("shadow", "start", "P-9")[0] == 2
    assert shop.type("shadow", "start", "P-1")[0] == 0
    assert shop.type("shadow", "start", "P-1", "--runs", "3")[0] == 0
    assert shop.json("shadow", "status")["shadows"][0]["runs"] == 3
    assert shop.type("shadow", "stop", "P-1", "--why", "another idea")[0] == 0
    assert shop.json("shadow", "status")["shadows"] == []
    assert shop.type("shadow", "status", "P-1")[0] == 1
    assert shop.type("shadow", "start", "P-1", "--runs", "1")[0] == 0


def test_a_promotion_that_is_no_longer_open_is_taken_away_from_its_canary(shop):
    shop.promote(DAILY)
    assert shop.type("publish", "P-1", "--canary", "5%")[0] == 0
    with Store.open(shop.production.workspace) as store:
        store.set_promotion_status("P-1", "superseded")
    assert shop.type("canary", "promote", "P-1")[0] == 1
    code, said = shop.type("canary", "check")
    assert code == 1
    assert "P-1 is superseded" in said
    assert Warehouse.open(shop.production.workspace).current().canaries == {}
    assert shop.type("canary", "check")[0] == 0


@pytest.mark.drill
def test_a_version_that_is_changed_while_a_canary_reads_it_ends_it(shop):
    shop.promote(DAILY)
    assert shop.type("publish", "P-1", "--canary", "5%")[0] == 0
    with (shop.production.root / "promoted" / "daily_sales" / "v2" / "__init__.py").open("a") as stream:
        stream.write("# later\n")
    assert shop.type("canary", "check", "P-1")[0] == 1
    assert "__init__.py was changed" in shop.last()["reason"]


def test_sources_that_changed_since_the_run_are_not_compared(shop):
    shop.promote(DAILY.replace("_.amount.sum()", "_.amount.sum() * 2"))
    assert shop.type("publish", "P-1", "--canary", "5%")[0] == 0
    shop.production.go()
    shop.production.orders(4)
    assert shop.type("canary", "check")[0] == 0
    (trial,) = shop.last()["trials"]
    assert (trial["state"], trial["differs"], trial["breach"]) == ("other inputs", None, None)
    assert "orders changed after R-1" in trial["error"]
    assert len(shop.canary()) == 4


@pytest.mark.drill
def test_what_ran_between_a_promotion_and_its_canary_is_made_up_for(shop):
    shop.promote(DAILY)
    shop.production.orders(5)
    shop.production.go()
    code, said = shop.type("publish", "P-1", "--canary", "5%")
    assert code == 0
    assert "runs beside R-1" in said
    assert len(shop.canary()) == 5


@pytest.mark.parametrize("point", ["after_trial_begun", pytest.param("after_trial_executed", marks=pytest.mark.drill)])
def test_killed_in_the_middle_of_a_trial_the_next_check_takes_it_up(shop, point):
    shop.promote(DAILY)
    assert shop.type("publish", "P-1", "--canary", "5%")[0] == 0
    shop.production.orders(4)
    killed = subprocess.run(
        [sys.executable, "-m", "workbench", "run", "daily_sales"],
        env=os.environ | {"WORKBENCH_FAIL_AT": point},
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == 137
    assert "R-1 daily_sales@1 succeeded" in killed.stdout
    assert len(shop.production.read("daily_sales")) == 4
    assert shop.type("canary", "check")[0] == 0
    (trial,) = shop.last()["trials"]
    assert (trial["state"], trial["attempt"], trial["breach"]) == ("judged", 2, None)
    assert len(shop.canary()) == 4


@pytest.mark.drill
@pytest.mark.parametrize("point", ["after_intent", "after_swap"])
def test_killed_while_a_breach_is_withdrawn_it_is_withdrawn_by_the_next_check(shop, point):
    shop.promote(CAPPED)
    assert shop.type("publish", "P-1", "--canary", "5%")[0] == 0
    shop.production.orders(3, amount="5000.0")
    shop.production.go()
    killed = subprocess.run(
        [sys.executable, "-m", "workbench", "canary", "check"],
        env=os.environ | {"WORKBENCH_FAIL_AT": point},
        capture_output=True,
        check=False,
    )
    assert killed.returncode == 137
    assert shop.type("doctor")[0] in (0, 1)
    shop.type("canary", "check")
    assert Warehouse.open(shop.production.workspace).current().canaries == {}
    assert shop.last()["outcome"] == "breach"
    assert shop.type("publish", "P-1")[0] == 4


def test_what_a_canary_and_a_shadow_read_is_no_garbage(shop):
    shop.promote(DAILY.replace("_.count()", "_.count() + 1"), declared=1.0)
    assert shop.type("publish", "P-1", "--canary", "5%")[0] == 0
    warehouse = shop.production.warehouse
    seen = shop.canary()
    warehouse.remove(warehouse.garbage(()))
    assert shop.canary() == seen
    assert shop.type("canary", "abort", "P-1", "--why", "no")[0] == 0
    assert any("v2" in path.parts for path in warehouse.garbage(()))
    assert shop.type("shadow", "start", "P-1")[0] == 0
    with Store.open(find_workspace(), read_only=True) as store:
        kept = beside.kept(store)["daily_sales"]
    assert not any("v2" in path.parts for path in warehouse.garbage(kept))


def test_status_alerts_of_a_withdrawn_canary_until_somebody_decides(shop):
    shop.promote(CAPPED)
    assert shop.type("publish", "P-1", "--canary", "5%")[0] == 0
    (told,) = shop.json("status")["pipelines"]
    assert (told["beside"]["promotion"], told["beside"]["alert"]) == ("P-1", False)
    shop.production.orders(3, amount="5000.0")
    assert shop.type("run", "daily_sales")[0] == 0
    assert "daily_sales: ALERT canary of P-1 was withdrawn: T-1 beside R-1" in shop.type("status")[1]
    assert shop.type("reject", "P-1", "--why", "no")[0] == 0
    assert shop.json("status")["pipelines"][0]["beside"] is None


@pytest.mark.drill
def test_rejecting_a_promotion_takes_it_away_from_its_canary_at_once(shop):
    shop.promote(DAILY)
    assert shop.type("publish", "P-1", "--canary", "5%")[0] == 0
    assert shop.type("reject", "P-1", "--why", "no")[0] == 0
    assert Warehouse.open(shop.production.workspace).current().canaries == {}
    assert shop.last()["outcome"] == "overtaken"


def test_what_a_shadow_or_a_canary_showed_is_waived_by_a_second_person(shop):
    shop.promote(DAILY, gates=(GateResult("shadow", Verdict.WAITING, "waits for 2 runs", {"wanted": 2}),))
    assert shop.type("waive", "P-1", "canary", "--why", "no time")[0] == 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_USER", "ann")
        assert shop.type("waive", "P-1", "shadow", "--why", "no time")[0] == 4
    code, said = shop.type("waive", "P-1", "shadow", "--why", "no time")
    assert code == 0
    assert "next: workbench publish P-1" in said
    assert shop.json("show", "P-1")["candidates"][0]["gates"][-1]["verdict"] == "warn"
    assert shop.type("publish", "P-1")[0] == 0
    assert shop.json("audit", "log", "--kind", "waive")["entries"][0]["payload"]["gate"] == "shadow"


def test_the_doctor_names_damaged_data_of_a_canary(shop):
    shop.promote(DAILY.replace("_.count()", "_.count() + 1"), declared=1.0)
    assert shop.type("publish", "P-1", "--canary", "5%")[0] == 0
    assert shop.type("run", "daily_sales")[0] == 0
    for file in (shop.production.workspace.warehouse / "data" / "daily_sales" / "v2").glob("*.parquet"):
        file.unlink()
    code, said = shop.type("doctor")
    assert code == 1
    assert "shown to the canary of P-1" in said
    assert shop.type("canary", "check")[0] == 1
    assert "is damaged or missing" in shop.last()["reason"]


def test_what_the_commands_print_is_what_the_schemas_say(shop):
    shop.promote(DAILY.replace("_.count()", "_.count() + 1"), declared=1.0)
    shop.json("shadow", "start", "P-1", "--runs", "2", schema="shadow-start")
    assert shop.type("run", "daily_sales")[0] == 0
    shop.json("shadow", "status", schema="shadow-status")
    shop.json("shadow", "stop", "P-1", "--why", "enough", schema="shadow-stop")
    shop.json("shadow", "status", "P-1", schema="shadow-status")
    shop.json("publish", "P-1", "--canary", "5%", "--dry-run", schema="publish")
    shop.json("publish", "P-1", "--canary", "5%", "--to", "ada", schema="publish")
    shop.json("canary", "reader", "ada", schema="canary-reader")
    shop.json("canary", "check", schema="canary-check")
    shop.json("status", schema="status")
    shop.json("canary", "abort", "P-1", "--why", "no", schema="canary-abort")
    shop.json("canary", "status", schema="canary-status")
    assert shop.type("publish", "P-1", "--to", "ada")[0] == 0
    shop.json("canary", "promote", "P-1", schema="canary-promote")
    shop.json("history", "daily_sales", schema="history")
    shop.json("explain", "daily_sales", "--for", "2024-01-02", schema="explain")


@pytest.mark.parametrize("once", [True, pytest.param(False, marks=pytest.mark.drill)])
def test_a_scheduler_lets_candidates_follow_once_what_is_due_is_done(shop, once):
    from workbench.cli.following import quietly
    from workbench.operate.clock import Clock
    from workbench.operate.scheduler import Scheduler

    shop.promote(DAILY)
    assert shop.type("publish", "P-1", "--canary", "5%")[0] == 0
    (shop.production.root / "promoted" / "daily_sales" / "pipeline.toml").write_text(
        'schedule = "0 6 * * *"\nstart = 2024-01-01\ncatch_up = "latest"\n'
    )
    shop.production.orders(4)
    at = dt.datetime(2024, 1, 4, 7, tzinfo=dt.UTC)
    lines: list[str] = []
    workspace = find_workspace()
    done = threading.Event()

    def aside(stopping):
        quietly(workspace, "scheduler", say=lines.append, stopping=stopping)
        if any("T-1" in line for line in lines):
            done.set()

    service = Scheduler(workspace, "scheduler", lines.append, 2, Clock(wall=lambda: at, ticks=lambda: 0.0), aside=aside)
    if once:
        service.once()
    else:
        service.serve(done, lambda: 60.0, lambda: None)
    assert [line for line in lines if line.startswith("T-1")] == ["T-1 holds"]
    (trial,) = shop.last()["trials"]
    assert (trial["run"], trial["state"]) == ("R-1", "judged")
