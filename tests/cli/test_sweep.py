"""``workbench sweep``: one output at many parameter values, in the sandbox alone."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from pathlib import Path

import pytest

from tests.conftest import Ran, Shop
from workbench.errors import UsageError
from workbench.model import Parameter
from workbench.promote.sweep import combinations

BOUNDED = Parameter("least", "int", 3, ge=0, le=200)


def sweep(shop: Shop, output: str, *arguments: str) -> Ran:
    return shop.run("sweep", "notebooks/sales.py", output, *arguments)


def digests(root: Path, *below: str) -> dict[str, str]:
    files = (file for folder in below for file in sorted((root / folder).rglob("*")) if file.is_file())
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.mark.usefixtures("cold")
def test_one_row_a_scenario_and_two_of_them_compared(sandboxed: Shop) -> None:
    before = digests(sandboxed.root, "promoted", "warehouse", "raw")
    ran = sweep(sandboxed, "daily_sales", "-p", "min_amount=0, 50,90", "--json")
    assert ran.code == 0, ran.err
    found = ran.json
    assert [each["parameters"] for each in found["scenarios"]] == [{"min_amount": value} for value in (0, 50, 90)]
    assert [each["rows"] for each in found["scenarios"]] == [6, 6, 0]
    everything, half, none = (each["columns"] for each in found["scenarios"])
    assert set(everything) == {"orders", "revenue"}
    assert everything["orders"]["sum"] == 54  # 60 orders, six of them by the customer whom nobody knows
    assert everything["orders"]["mean"] == 9.0
    assert half["revenue"]["sum"] < everything["revenue"]["sum"]
    assert none == {"orders": {"mean": None, "sum": None}, "revenue": {"mean": None, "sum": None}}
    words = shlex.split(found["compare"])
    assert words[:2] == ["workbench", "diff"]
    assert words[-2:] == ["--key", "day,region"]
    assert sandboxed.run(*words[1:], "--exit-code").code == 1
    first, second, _ = (each["file"] for each in found["scenarios"])
    compared = sandboxed.run("diff", first, second, "--key", "day,region", "--json").json
    assert compared["rows"]["changed"] == 6
    assert digests(sandboxed.root, "promoted", "warehouse", "raw") == before
    # Again the same: it takes the place of the one before.
    shown = sweep(sandboxed, "daily_sales", "-p", "min_amount=0,50,90")
    assert "production was not touched" in shown.out
    assert f"compare two: {found['compare']}" in shown.out
    assert [folder.name for folder in (sandboxed.root / ".workbench/sweeps/daily_sales").iterdir()] == [found["id"]]


def test_parameters_of_what_an_output_reads_can_be_swept_too(sandboxed: Shop) -> None:
    ran = sweep(sandboxed, "region_totals", "-p", "min_amount=0,80", "--json")
    assert ran.code == 0, ran.err
    low, high = ran.json["scenarios"]
    assert (low["rows"], high["rows"]) == (2, 1)
    assert low["columns"]["revenue"]["sum"] > high["columns"]["revenue"]["sum"]


def test_without_values_the_defaults_are_the_one_scenario(sandboxed: Shop) -> None:
    found = sweep(sandboxed, "daily_sales", "--json").json
    assert [each["parameters"] for each in found["scenarios"]] == [{"min_amount": 10}]
    assert found["compare"] is None


def test_a_scenario_that_fails_is_a_row_and_the_answer_is_no(sandboxed: Shop) -> None:
    sandboxed.edit("# only what", 'wb.require(min_amount.value < 50, "too much")\n    # only what')
    ran = sweep(sandboxed, "daily_sales", "-p", "min_amount=1,60", "--json")
    assert ran.code == 1
    fine, failed = ran.json["scenarios"]
    assert fine["error"] is None
    assert "too much" in failed["error"]
    assert (failed["rows"], failed["file"]) == (None, None)
    assert "scenario 2 failed: " in sweep(sandboxed, "daily_sales", "-p", "min_amount=1,60").out


def test_dates_and_texts_with_commas_arrive_as_they_were_typed(sandboxed: Shop) -> None:
    sandboxed.cells(
        'since = mo.ui.date(value="2024-01-01", start="2024-01-01", stop="2024-02-01", label="first day")',
        'note = wb.param("note", "a", choices=["a", "b, c"], doc="goes into a column")',
        "rows = orders.filter(ibis._.day >= since.value).mutate(note=ibis.literal(note.value))",
        'wb.output("recent", rows, key=["order_id"])',
    )
    ran = sweep(sandboxed, "recent", "-p", "since=2024-01-01,2024-01-03", "-p", 'note="b, c"', "--json")
    assert ran.code == 0, ran.out + ran.err
    assert [each["rows"] for each in ran.json["scenarios"]] == [60, 20]
    assert ran.json["scenarios"][1]["parameters"] == {"note": "b, c", "since": "2024-01-03"}


@pytest.mark.parametrize(
    ("output", "values", "code", "said"),
    [
        ("daily_sale", [], 2, "did you mean 'daily_sales'"),
        ("daily_sales", ["min_amont=3"], 2, "did you mean 'min_amount'"),
        ("daily_sales", ["min_amount=3,500"], 2, "above its highest value 100"),
        ("daily_sales", ["min_amount=three"], 2, "not a value of type int"),
        ("daily_sales", ["min_amount="], 2, "not a value of type int"),
        ("daily_sales", ["min_amount"], 2, "names no parameter and values"),
        ("daily_sales", ["min_amount=1", "min_amount=2"], 2, "given twice"),
    ],
)
def test_what_can_t_be_tried_is_said_before_anything_runs(
    sandboxed: Shop, output: str, values: list[str], code: int, said: str
) -> None:
    ran = sweep(sandboxed, output, *(word for value in values for word in ("-p", value)))
    assert ran.code == code
    assert said in ran.err
    assert "next:" in ran.err
    assert not (sandboxed.root / ".workbench" / "sweeps").exists()


def test_without_a_sandbox_the_command_that_makes_one_is_named(shop: Shop) -> None:
    ran = sweep(shop, "daily_sales", "-p", "min_amount=1")
    assert ran.code == 2
    assert "workbench sandbox create" in ran.err


def test_an_output_that_is_refused_has_no_sweep(sandboxed: Shop) -> None:
    sandboxed.edit("known = paid", "paid.execute()\n    known = paid")
    sandboxed.edit(
        'sales = known.group_by("day", "region")',
        'n = known.count().execute()\n    sales = known.limit(n).group_by("day", "region")',
    )
    ran = sweep(sandboxed, "daily_sales")
    assert ran.code == 1
    assert "workbench check notebooks/sales.py" in ran.err


def test_more_than_a_hundred_scenarios_are_too_many() -> None:
    other = Parameter("most", "int", 3, ge=0, le=200)
    assert len(combinations([BOUNDED], ["least=" + ",".join(map(str, range(100)))])) == 100
    with pytest.raises(UsageError, match="110 scenarios"):
        combinations([BOUNDED, other], ["least=" + ",".join(map(str, range(11))), "most=" + ",".join(map(str, range(10)))])


def test_a_value_typed_twice_is_tried_once() -> None:
    assert combinations([BOUNDED], ["least=1,1,01,2"]) == ({"least": 1}, {"least": 2})


def test_the_oldest_sweeps_are_forgotten(tmp_path: Path) -> None:
    from workbench.promote.sweep import MOST_KEPT, _forget_oldest

    for age in range(MOST_KEPT + 3):
        folder = tmp_path / str(age)
        folder.mkdir()
        (folder / "sweep.json").write_text(json.dumps({}))
        os.utime(folder, (1000 - age, 1000 - age))
    _forget_oldest(tmp_path / "0")
    assert sorted(int(folder.name) for folder in tmp_path.iterdir()) == list(range(MOST_KEPT))
