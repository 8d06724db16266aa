"""A promotion takes a notebook through every station, and what it leaves behind says what was found."""

from __future__ import annotations

import json
import shutil

import pytest

from workbench.catalog.contract import read_contract
from workbench.config import find_workspace
from workbench.model import VersionId
from workbench.store import Store


def test_a_first_version_is_stored_with_its_proof_and_waits_for_a_person(waiting):
    folder = waiting.root / "promoted" / "daily_sales" / "v1"
    names = sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"
    )
    assert names == [
        "__init__.py",
        "contract.yaml",
        "evidence/diff.html",
        "evidence/diff.json",
        "evidence/equality.json",
        "evidence/map.json",
        "manifest.json",
        "run.ipynb",
    ]
    contract = read_contract(folder)
    assert contract.schema == {"day": "date", "region": "string", "orders": "int64", "revenue": "float64"}
    assert {column.name for column in contract.columns if column.required} == {"day", "region", "revenue"}
    assert json.loads((folder / "evidence" / "equality.json").read_text())["verdict"] == "equal"
    with Store.open(find_workspace(waiting.root), read_only=True) as store:
        promotion = store.promotion("P-1")
        assert promotion is not None
        assert (promotion.status, promotion.who, promotion.why) == ("waiting", "ada@example.org", "because")
        assert store.version(VersionId("daily_sales", 1)) is not None
    changelog = (waiting.root / "promoted" / "daily_sales" / "CHANGELOG.md").read_text()
    assert "## v1" in changelog
    assert "because" in changelog


def test_the_module_reads_as_if_a_person_had_written_it(waiting):
    text = (waiting.root / "promoted" / "daily_sales" / "v1" / "__init__.py").read_text()
    assert "import ibis\n" in text
    assert "import marimo" not in text
    assert "workbench as wb" not in text
    assert "# only what was really paid" in text
    assert "def daily_sales(orders: ibis.Table, customers: ibis.Table, *, min_amount: int = 10) -> ibis.Table:" in text


def test_promoting_the_same_notebook_elsewhere_gives_the_same_bytes(enter, stages, tmp_path):
    first = enter("waiting").root
    second = tmp_path / "elsewhere"
    stages.copy("sandboxed", second)
    assert stages._run(second, "promote", "notebooks/sales.py", "--why", "another reason") == 3

    def versions(root):
        return {
            path.relative_to(root).as_posix(): path.read_bytes()
            for path in sorted((root / "promoted").glob("*/v*/**/*"))
            if path.is_file() and path.suffix != ".pyc"
        }

    assert versions(first) == versions(second)


def test_only_the_output_that_changed_gets_a_new_version(published):
    published.edit('"Revenue per region over all days."', '"Revenue per region, over all days."')
    ran = published.promote("--json")
    assert ran.code == 3
    changed = {output["name"]: output["changed"] for output in ran.json["outputs"]}
    assert changed == {"daily_sales": False, "region_totals": True}
    assert ran.json["recomputed"] == []


@pytest.mark.usefixtures("cold")
def test_logic_effect_and_data_effect_are_told_apart(published):
    """New orders arrive for a day that was published, and the definition changes as well."""
    import duckdb

    file = published.root / "raw" / "orders" / "more.parquet"
    duckdb.execute(
        "COPY (SELECT 1::BIGINT AS order_id, 'c1' AS customer_id, DATE '2024-01-02' AS day, 55.0::DOUBLE AS amount) "
        f"TO '{file}' (FORMAT parquet)"
    )
    published.edit("revenue=ibis._.amount.sum()", "revenue=ibis._.amount.sum() * 2")
    ran = published.promote("--allow-change", "100%", "--json")
    assert ran.code == 3, ran.out
    diff = next(output for output in ran.json["outputs"] if output["name"] == "daily_sales")["diff"]
    assert diff["logic"]["rows"]["changed"] == 6
    assert diff["logic"]["columns"].keys() == {"revenue"}
    assert diff["data"]["rows"]["changed"] == 1
    assert diff["data"]["columns"].keys() == {"orders", "revenue"}


def test_a_change_larger_than_its_author_declared_is_refused_and_gets_no_version(published):
    published.edit("ibis._.amount.sum())", "ibis._.amount.sum() + 1)")
    ran = published.promote()
    assert ran.code == 1
    assert "--allow-change" in ran.out
    assert not (published.root / "promoted" / "daily_sales" / "v2").exists()
    gates = published.run("gates", "P-2")
    assert gates.code == 1
    assert published.run("show", "P-2", "--json").json["status"] == "refused"
    assert published.promote("--allow-change", "100%").code == 3


def test_columns_that_readers_lose_must_be_declared(published):
    published.edit("orders=ibis._.count(), ", "")
    published.edit(', wb.check.between("orders", 1, 1000000)', "")
    assert published.promote().code == 1
    assert published.promote("--allow-breaking").code == 3


def test_one_output_can_be_promoted_alone_but_not_before_what_it_reads(sandboxed):
    ran = sandboxed.promote("region_totals")
    assert ran.code == 2
    assert "daily_sales" in ran.err
    assert sandboxed.promote("daily_sales").code == 3
    assert not (sandboxed.root / "promoted" / "region_totals").exists()


@pytest.mark.usefixtures("cold")
def test_a_query_in_sql_is_proved_and_promoted_like_an_expression(sandboxed):
    sandboxed.cells(
        "least = mo.ui.number(0, 50, value=20)",
        'rows = mo.sql(f"SELECT customer_id, count(*) AS n FROM orders WHERE amount > {least.value} GROUP BY ALL")',
        'wb.output("per_customer", ibis.memtable(rows), key=["customer_id"])',
    )
    ran = sandboxed.promote("--dry-run", "--json")
    (output,) = ran.json["outputs"]
    assert ran.code == 0, [gate for gate in output["gates"] if gate["verdict"] != "pass"]
    assert (output["equality"]["verdict"], output["params"]["least"]["type"]) == ("equal", "int")


def test_an_output_that_the_notebook_does_not_mark_offers_the_nearest(shop):
    ran = shop.promote("daily_sale")
    assert ran.code == 2
    assert "did you mean 'daily_sales'" in ran.err


def test_without_a_reason_nothing_is_promoted(shop):
    ran = shop.run("promote", "notebooks/sales.py")
    assert ran.code == 2
    assert "--why" in ran.err


def test_a_version_that_came_with_git_is_taken_up_in_a_fresh_clone(published):
    """The clone has promoted/, but neither a store nor a warehouse."""
    for place in (".workbench/store.db", ".workbench/ledger.key", "promoted/LEDGER_HEAD"):
        (published.root / place).unlink()
    shutil.rmtree(published.root / "warehouse")
    before = (published.root / "promoted/daily_sales/v1/manifest.json").read_bytes()
    ran = published.promote()
    assert ran.code == 3, ran
    assert (published.root / "promoted/daily_sales/v1/manifest.json").read_bytes() == before
    assert not (published.root / "promoted/daily_sales/v2").exists()
    assert published.run("approve", "P-1").code == 0
    assert published.run("publish", "P-1").code == 0


@pytest.mark.parametrize("why", ["[red]ünïcode ☃[/]\ntwo lines", "'; drop table x; -- <script>alert(1)</script>"])
def test_a_reason_is_shown_as_it_was_typed(sandboxed, why):
    assert sandboxed.run("promote", "notebooks/sales.py", "--why", why).code == 3
    assert sandboxed.run("show", "P-1", "--json").json["why"] == why
    assert why.splitlines()[0] in sandboxed.run("show", "P-1").out


def test_pipelines_that_would_read_each_other_are_named():
    from workbench.catalog.contract import Contract
    from workbench.errors import UsageError
    from workbench.model import Input
    from workbench.promote.candidate import in_order
    from workbench.promote.trial import Work

    work = [
        Work(name, 1, lambda: None, Contract(name, 1, (), inputs=(Input(read, read, "pipeline"),)), {})
        for name, read in (("a", "b"), ("b", "a"))
    ]
    with pytest.raises(UsageError, match="read each other"):
        in_order(work)


def test_the_unit_of_a_column_stands_in_the_contract_and_a_new_unit_is_a_new_version(sandboxed):
    from workbench.catalog.contract import read_contract

    assert 'columns={"revenue": "EUR"}' in sandboxed.notebook.read_text()
    sandboxed.edit('columns={"revenue": "EUR"}', 'columns={"revenue": "income"}, units={"revenue": "EUR"}')
    sandboxed.run("promote", "notebooks/sales.py", "--why", "first")
    sandboxed.run("approve", "P-1")
    assert sandboxed.run("publish", "P-1").code == 0
    column = next(each for each in read_contract(sandboxed.root / "promoted/daily_sales/v1").columns if each.name == "revenue")
    assert (column.doc, column.unit) == ("income", "EUR")
    assert "unchanged" in sandboxed.run("promote", "notebooks/sales.py", "--why", "again").out
    sandboxed.edit('units={"revenue": "EUR"}', 'units={"revenue": "cent"}')
    assert sandboxed.run("promote", "notebooks/sales.py", "--why", "cents").code == 3
