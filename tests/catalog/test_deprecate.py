"""Readers of a deprecated version are told wherever they meet it, louder when its day is over, and it is taken back."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import duckdb
import pytest

from tests.operate.typed import killed_at
from workbench.config import find_workspace
from workbench.model import VersionId
from workbench.store import Store, endings

DAY = (dt.datetime.now(dt.UTC) + dt.timedelta(days=30)).date().isoformat()
SAID = f"daily_sales@1 is deprecated until {DAY}; use daily_sales@2: returns"


def comment(root) -> str | None:
    """What any tool shows beside the view."""
    with duckdb.connect(str(root / "warehouse" / "current.duckdb"), read_only=True) as con:
        ((found,),) = con.execute("SELECT comment FROM duckdb_views() WHERE view_name = 'daily_sales'").fetchall()
    return found


def deprecate(shop, *more: str, code: int = 0):
    options = more or ("--until", DAY, "--use", "daily_sales@2")
    ran = shop.run("deprecate", "daily_sales@1", *options, "--why", "returns", "--json")
    assert ran.code == code, ran.err
    return ran


def make_overdue(shop) -> None:
    """Its last day was yesterday; nobody can say so by a command."""
    now = dt.datetime.now(dt.UTC)
    with Store.open(find_workspace(shop.root)) as store:
        known = endings.deprecations(store)[VersionId("daily_sales", 1)]
        endings.deprecate(store, replace(known, until=now.date() - dt.timedelta(days=1), at=now))


def test_readers_are_told_wherever_they_meet_it(two_versions):
    ran = deprecate(two_versions)
    assert ran.json["live"]
    assert [each["pipeline"] for each in ran.json["readers"]] == ["region_totals"]
    run = two_versions.run
    status = {each["pipeline"]: each for each in run("status", "--json").json["pipelines"]}
    assert status["daily_sales"]["deprecated"] == {"until": DAY, "use": "daily_sales@2", "why": "returns"}
    assert SAID in run("status").out
    for command in (
        ("show", "P-1"),
        ("lineage", "region_totals.revenue"),
        ("lineage", "daily_sales"),
        ("impact", "orders.amount"),
        ("run", "region_totals"),
    ):
        told = run(*command, "--json")
        assert [each["version"] for each in told.json["deprecated"]] == [1], command
        assert f"warning: {SAID}" in told.err
    (found,) = (each for each in run("catalog", "daily_sales", "--json").json["tables"] if each["name"] == "daily_sales")
    assert found["deprecated"] == {"until": DAY, "use": "daily_sales@2", "why": "returns"}
    assert "v1, deprecated" in run("catalog").out
    assert f"v1 may be read until {DAY}; use daily_sales@2: returns" in " ".join(run("catalog", "daily_sales").out.split())
    assert run("docs", "build").code == 0
    assert (
        f'data-until="{DAY}">Deprecated: v1 may be read until'
        in (two_versions.root / "site/pipeline/daily_sales.html").read_text()
    )
    assert ">deprecated</span>" in (two_versions.root / "site" / "index.html").read_text()
    assert comment(two_versions.root) == f"version 1 is deprecated until {DAY}, use daily_sales@2: returns"
    assert run("history", "daily_sales", "--json").json["events"][0]["what"] == f"until {DAY}, use daily_sales@2"


def test_a_notebook_that_reads_it_is_warned_and_refused_when_its_day_is_over(published):
    options = ("--until", DAY)
    deprecate(published, *options)
    published.edit("revenue=ibis._.revenue.sum()", "revenue=ibis._.revenue.sum() + 0.0")
    promote = ("promote", "notebooks/sales.py", "region_totals", "--dry-run", "--json")

    def impact(ran) -> dict:
        (found,) = (each for each in ran.json["outputs"] if each["name"] == "region_totals")
        return next(gate for gate in found["gates"] if gate["gate"] == "impact")

    checked = published.run("check", "notebooks/sales.py", "--json").json["findings"]
    assert [each["severity"] for each in checked if each["rule"] == "deprecated-input"] == ["note"]
    assert impact(published.run(*promote))["verdict"] == "warn"
    make_overdue(published)
    checked = published.run("check", "notebooks/sales.py", "--json").json["findings"]
    assert [each["severity"] for each in checked if each["rule"] == "deprecated-input"] == ["warning"]
    found = impact(published.run(*promote))
    assert found["verdict"] == "warn"
    assert "reads OVERDUE: daily_sales@1 should not be read since" in found["summary"]
    assert "OVERDUE" in published.run("run", "daily_sales").err
    with (published.root / "pyproject.toml").open("a") as stream:
        stream.write('\n[tool.workbench.gates]\noverdue_inputs = "refuse"\n')
    ran = published.run(*promote)
    assert (ran.code, impact(ran)["verdict"]) == (1, "fail")


def test_what_is_promoted_together_with_a_new_version_of_it_reads_that(published):
    deprecate(published, "--until", DAY)
    published.edit("min_amount.value)", "min_amount.value + 20)")
    ran = published.run("promote", "notebooks/sales.py", "--dry-run", "--allow-change", "100%", "--json")
    assert ran.code == 0
    gates = [gate for each in (*ran.json["outputs"], *ran.json["recomputed"]) for gate in each.get("gates", ())]
    assert not any(gate["evidence"].get("deprecated") for gate in gates if gate["gate"] == "impact")


def test_when_another_version_is_live_nobody_is_warned_until_they_go_back(two_versions):
    deprecate(two_versions)
    assert two_versions.run("publish", "P-2").code == 0
    assert comment(two_versions.root) is None
    assert two_versions.run("run", "region_totals", "--json").json["deprecated"] == []
    again = two_versions.run("rollback", "daily_sales", "--json")
    assert SAID in again.json["notes"]
    assert comment(two_versions.root) is not None


def test_said_twice_the_last_word_counts_and_it_is_taken_back(two_versions):
    deprecate(two_versions)
    ran = deprecate(two_versions, "--until", "2999-01-01")
    assert (ran.json["before"]["until"], ran.json["deprecated"]["until"], ran.json["deprecated"]["use"]) == (
        DAY,
        "2999-01-01",
        None,
    )
    assert deprecate(two_versions, "--undo").json["deprecated"] is None
    assert comment(two_versions.root) is None
    deprecate(two_versions, "--undo", code=1)
    with Store.open(find_workspace(two_versions.root), read_only=True) as store:
        assert store.verify_ledger() == ()
        kinds = [entry.kind for entry in store.ledger() if "deprecate" in entry.kind]
        assert endings.deprecations(store) == {}
    assert kinds == ["deprecate", "deprecate", "undeprecate"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--until", "2020-01-01"), "2020-01-01 is over"),
        (("--until", "tomorrow"), "is no day"),
        (("--use", "daily_sales@2"), "--until is missing"),
        (("--until", "2999-01-01", "--use", "daily_sales@1"), "can't take its own place"),
        (("--until", "2999-01-01", "--use", "daily_sales@7"), "there is no version daily_sales@7"),
        (("--until", "2999-01-01", "--use", "daily_sale@1"), "did you mean 'daily_sales'"),
        (("--until", "2999-01-01", "--use", "daily_sales"), "is not a version"),
        (("--until", "2999-01-01", "--undo"), "--undo stands alone"),
    ],
)
def test_what_can_not_be_said_is_refused(published, options, said):
    assert said in deprecate(published, *options, code=2).err
    with Store.open(find_workspace(published.root), read_only=True) as store:
        assert endings.deprecations(store) == {}


def test_an_alternative_must_be_one_to_stay_with(two_versions):
    assert two_versions.run("deprecate", "daily_sales@2", "--until", DAY, "--why", "slow").code == 0
    assert "is deprecated itself" in deprecate(two_versions, code=2).err


def test_killed_before_the_view_says_so_the_doctor_adds_it(published):
    root = published.root
    assert killed_at("after_deprecation", root, "deprecate", "daily_sales@1", "--until", DAY, "--why", "returns") == 137
    assert comment(root) is None
    assert "comments of views" in published.run("doctor").out
    assert comment(root) == f"version 1 is deprecated until {DAY}: returns"
