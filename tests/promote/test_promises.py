"""Predicates, references and freshness are promised in the notebook, written into the contract and held in production."""

from __future__ import annotations

import yaml

from tests.cli.test_contract import checked, rules, show

CHECKS = (
    'wb.check.holds("_.revenue >= _.orders * 0.25"), wb.check.references("region", "customers", "region"), '
    'wb.check.fresh("day", "36500d"), '
)


def test_they_go_from_the_notebook_into_the_contract_and_hold_in_every_run(sandboxed):
    sandboxed.edit('wb.check.not_null("revenue"), ', CHECKS)
    ran = sandboxed.promote()
    assert ran.code == 3, ran.out + ran.err
    contract = yaml.safe_load((sandboxed.root / "promoted" / "daily_sales" / "v1" / "contract.yaml").read_text())
    custom = [each["implementation"] for each in contract["schema"][0]["quality"] if each.get("engine") == "workbench"]
    assert custom[:3] == [
        {"rule": "holds", "columns": ["revenue", "orders"], "predicate": "_.revenue >= _.orders * 0.25"},
        {"rule": "references", "columns": ["region"], "table": "customers", "key": "region"},
        {"rule": "fresh", "columns": ["day"], "within": "36500d"},
    ]
    assert sandboxed.run("approve", "P-1").code == sandboxed.run("publish", "P-1").code == 0
    assert sandboxed.run("run", "daily_sales", "--interval", "2024-01-02..2024-01-03").code == 0
    assert sandboxed.run("contract", "check", "daily_sales", "--sandbox").code == 0
    edges = sandboxed.run("lineage", "daily_sales", "--json").json["edges"]
    rule = {"column": "region", "role": "rule", "input": "customers", "input_column": "region"}
    assert [each for each in edges if each["role"] == "rule"] == [rule]
    reached = sandboxed.run("impact", "customers.region")
    assert "daily_sales.region" in reached.out
    assert "rule" in reached.out
    assert sandboxed.run("lineage", "daily_sales", "--html", "lineage.html").code == 0
    assert 'class="line rule"' in (sandboxed.root / "lineage.html").read_text()

    west = "DATE '1900-01-02' AS day, 'west' AS region, 8::BIGINT AS orders, 1.0::DOUBLE AS revenue"
    show(sandboxed, f"SELECT {west}")
    found = rules(checked(sandboxed, "daily_sales", code=1))
    assert {rule: count for rule, count in found.items() if count} == {
        "holds(_.revenue >= _.orders * 0.25)": 1,
        "references(region, table=customers, key=region)": 1,
        "fresh(day, within=36500d)": 1,
    }


def test_a_value_that_refers_to_nothing_in_production_is_refused_with_the_row(sandboxed):
    sandboxed.edit('wb.check.not_null("revenue"), ', 'wb.check.references("region", "daily_sales", "orders"), ')
    ran = sandboxed.promote()
    assert ran.code == 2, "text is compared with numbers, or the table is not there yet"
    sandboxed.edit('wb.check.references("region", "daily_sales", "orders"), ', 'wb.check.references("day", "orders", "daay"), ')
    ran = sandboxed.promote()
    assert ran.code == 2
    assert "'day'" in ran.err
    sandboxed.edit("daay", "day")
    sandboxed.edit("wb.check.references", 'wb.check.references("region", "customers", "name"), wb.check.references')
    ran = sandboxed.promote()
    assert ran.code == 1
    assert "references(region, table=customers, key=name): 6 rows" in " ".join(ran.out.split())


def test_a_rule_about_a_table_or_column_that_is_not_there_is_an_error_before_anything_runs(sandboxed):
    sandboxed.edit('wb.check.not_null("revenue"), ', 'wb.check.references("region", "custmers", "region"), ')
    ran = sandboxed.run("check", "notebooks/sales.py")
    assert ran.code == 1
    assert "rule-table" in ran.out
    assert "there is no source or pipeline custmers" in " ".join(ran.out.split())
    sandboxed.edit('"custmers", "region"', '"customers", "regoin"')
    ran = sandboxed.run("check", "notebooks/sales.py")
    assert ran.code == 1
    assert "there is no column regoin in customers" in " ".join(ran.out.split())
    sandboxed.edit('"customers", "regoin"', '"region_totals", "region"')
    assert "rule-table" not in sandboxed.run("check", "notebooks/sales.py").out


def test_a_predicate_that_could_do_more_than_look_at_a_row_is_refused_where_it_stands(sandboxed):
    sandboxed.edit('wb.check.not_null("revenue"), ', 'wb.check.holds("_.revenue.execute() > 0"), ')
    ran = sandboxed.run("check", "notebooks/sales.py")
    assert ran.code == 1
    assert "there is no method of a predicate 'execute'" in " ".join(ran.out.split())
    sandboxed.edit('"_.revenue.execute() > 0"', "lambda t: t.revenue > 0")
    ran = sandboxed.run("check", "notebooks/sales.py")
    assert ran.code == 1
    assert "mark-arguments" in ran.out
