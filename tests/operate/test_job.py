"""A run seen from inside its notebook: what is staged, checked and said."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from workbench.catalog.job import ChecksFailed, Job
from workbench.errors import InfrastructureError, UsageError
from workbench.model import Check


def job(production, *, run_id="", start="", end=""):
    return Job.begin(str(production.root), "daily_sales", 1, run_id, start, end)


def computed(production, made, **parameters):
    from workbench.promote.module import load_module

    function = load_module(production.root / "promoted" / "daily_sales" / "v1" / "__init__.py", "daily_sales")
    return function(**made.inputs(), **parameters)


def test_the_result_is_staged_where_no_reader_looks(production):
    before = production.read("daily_sales")
    production.orders(1, first="2024-01-04", name="new")
    made = job(production)
    said = made.write(computed(production, made))
    assert "4 rows computed" in repr(said)
    assert production.read("daily_sales") == before
    assert production.warehouse.snapshot(made.result["snapshot"], "daily_sales").rows == 4


def test_an_interval_computes_its_partitions_and_keeps_the_others(production):
    production.orders(2, first="2024-01-03", name="new", amount="50.0")
    made = job(production, start="2024-01-03", end="2024-01-05")
    made.write(computed(production, made))
    assert made.result["partitions"] == {"added": 1, "replaced": 1, "removed": 0, "unchanged": 2}
    assert (made.result["rows_out"], made.result["rows"]) == (2, 4)
    assert made.result["inputs"][0] | {"state": ""} == {
        "name": "orders", "kind": "source", "state": "", "rows": 30, "in_interval": True
    }  # fmt: skip


def test_equal_data_is_the_same_snapshot(production):
    made = job(production)
    made.write(computed(production, made))
    assert made.result["snapshot"] == made.result["base"]


def test_an_interval_without_rows_is_empty_and_nothing_is_checked(production):
    made = job(production, start="2030-01-01", end="2030-01-02")
    made.write(computed(production, made))
    assert made.result["empty"]
    assert "nothing to check" in repr(made.check())


def test_a_broken_check_is_named_with_a_row(production):
    production.orders(1, first="2024-01-04", name="new", amount="200000.0")
    made = job(production)
    made.write(computed(production, made))
    with pytest.raises(
        ChecksFailed,
        match=r"between\(revenue, low=0, high=100000\): 1 row breaks it, for example day=2024-01-04, orders=10, rev",
    ):
        made.check()
    assert [check["violations"] for check in made.result["checks"]] == [0, 0, 1]


def test_a_check_that_the_key_already_promises_is_evaluated_once(production):
    made = job(production)
    made.contract = replace(made.contract, checks=(Check("unique", ("day",)),))
    made.write(computed(production, made))
    made.check()
    assert [check["check"] for check in made.result["checks"]] == ["not_null(day)", "unique(day)"]


def test_a_result_with_another_schema_than_the_contract_is_not_staged(production):
    made = job(production)
    table = computed(production, made)
    with pytest.raises(ChecksFailed, match="column revenue is missing"):
        made.write(table.drop("revenue"))
    with pytest.raises(ChecksFailed, match="column orders is string, the contract says int64"):
        made.write(table.mutate(orders=table.orders.cast("string")))
    assert "snapshot" not in made.result


def test_the_profile_tells_rows_nulls_and_bounds(production, capsys):
    made = job(production)
    made.write(computed(production, made))
    first = made.profile()
    assert made.result["profile"]["columns"][0] | {"min": None, "max": None} == {
        "column": "day", "type": "date", "nulls": 0, "min": None, "max": None
    }  # fmt: skip
    assert "2024-01-01" in repr(first)
    assert "lowest" in capsys.readouterr().out


def test_steps_out_of_order_say_what_to_call(production):
    with pytest.raises(UsageError, match="nothing is staged"):
        job(production).check()
    with pytest.raises(UsageError, match="needs both"):
        job(production, start="2024-01-01")


def test_the_result_file_is_written_after_each_step(production):
    place = production.workspace.runs / "R-7" / "result.json"
    made = job(production, run_id="R-7")
    made.write(computed(production, made))
    assert not json.loads(place.read_text())["finished"]
    made.check()
    made.profile()
    made.finish()
    assert json.loads(place.read_text())["finished"]


def test_what_is_shown_is_escaped(production):
    from workbench.catalog.showing import Shown

    assert "<script>" not in Shown("<script>", ("<script>",), (("<script>",),))._repr_html_()


def test_a_version_comes_from_its_workspace_whatever_else_is_on_the_path(production, tmp_path, monkeypatch):
    other = tmp_path / "elsewhere" / "promoted" / "daily_sales" / "v1"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("raise AssertionError('the version of another workspace')")
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    job(production)
    from promoted.daily_sales import v1

    assert v1.__file__ == str(production.root / "promoted" / "daily_sales" / "v1" / "__init__.py")


def test_a_source_that_changes_while_it_is_read_fails_the_run_for_a_reason_that_may_pass(production):
    made = job(production)
    table = computed(production, made)
    production.orders(2)
    with pytest.raises(InfrastructureError, match="source orders changed while it was read"):
        made.write(table)


def test_a_file_that_comes_while_others_are_read_is_for_the_next_run(production):
    made = job(production)
    table = computed(production, made)
    production.orders(1, first="2024-01-04", name="new")
    assert "3 rows computed" in repr(made.write(table))
