"""``workbench check``: slices, refusals, marimo's findings and ours, mended where that is mechanical."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Ran, Shop

WARNED = 'late = wb.output("late", orders.filter(ibis._.amount > 5))'
DESCRIBED = '"late", key=["order_id"], doc="Late.", columns={"order_id": "id"}'
HEAD = 'import marimo\n\n__generated_with = "0.25.2"\napp = marimo.App()\n'


def rules(ran: Ran) -> list[tuple[str, str]]:
    return [(finding["rule"], finding["severity"]) for finding in ran.json["findings"]]


def cells(shop: Shop, *several: str) -> None:
    """A notebook of these cells, as marimo writes it."""
    shop.cells(*several)
    with shop.notebook.open("a") as stream:
        stream.write('\n\nif __name__ == "__main__":\n    app.run()\n')


def check(shop: Shop, *arguments: str) -> Ran:
    return shop.run("check", "notebooks/sales.py", *arguments)


def test_warnings_alone_exit_0_and_with_strict_1(shop: Shop) -> None:
    cells(shop, WARNED)
    ran = check(shop, "--json")
    assert ran.code == 0
    assert rules(ran) == [("output-doc", "warning"), ("output-key", "warning")]
    assert all(finding["hint"] and finding["source"] == "workbench" for finding in ran.json["findings"])
    assert check(shop, "--strict").code == 1


def test_each_finding_names_its_line_and_the_way_out(shop: Shop) -> None:
    cells(shop, WARNED)
    line = next(n for n, text in enumerate(shop.notebook.read_text().splitlines(), 1) if "wb.output" in text)
    ran = check(shop)
    assert f"line {line}: output late has no key" in ran.out
    assert "way out: name the columns" in ran.out


@pytest.mark.parametrize(
    ("param", "expected"),
    [
        ('wb.param("least", 1, ge=0, le=9)', ["parameter-doc"]),
        ('wb.param("least", 1, ge=0, doc="EUR")', ["parameter-range"]),
        ('wb.param("least", 1.5)', ["parameter-doc", "parameter-range"]),
        ('wb.param("least", 1, choices=[1, 2], doc="EUR")', []),
        ("mo.ui.slider(0, 9, value=1)", ["parameter-doc"]),
        ('mo.ui.number(value=1, label="least")', ["parameter-range"]),
        ('mo.ui.checkbox(value=True, label="paid only")', []),
    ],
)
def test_a_parameter_says_what_it_means_and_what_it_takes(shop: Shop, param: str, expected: list[str]) -> None:
    cells(
        shop,
        f"least = {param}",
        f"wb.output({DESCRIBED}, expr=orders.filter(ibis._.amount > least.value))",
    )
    assert [rule for rule, _ in rules(check(shop, "--json"))] == expected


def test_marks_that_no_output_needs_are_named_apart_from_those_for_a_look(shop: Shop) -> None:
    cells(
        shop,
        'forgotten = wb.source("customers")',
        "looked = mo.ui.slider(0, 9)\norders.head(looked.value)",
        'unused = wb.param("unused", 1, ge=0, le=9, doc="nothing")',
        'wb.output("late", wb.source("customers"), key=["customer_id"], doc="All.", columns={"customer_id": "id"})',
    )
    ran = check(shop, "--json")
    said = {finding["message"].split(",")[0]: finding["severity"] for finding in ran.json["findings"]}
    assert said == {"source orders is marked": "note", "parameter unused is marked": "warning"}


def test_columns_of_the_key_and_the_checks_want_a_description(shop: Shop) -> None:
    shop.edit('columns={"revenue": "EUR"}', "columns={}")
    (finding,) = [each for each in check(shop, "--json").json["findings"] if "daily_sales" in each["message"]]
    assert finding["rule"] == "column-doc"
    assert "day, region, revenue, orders" in finding["message"]


def test_columns_of_the_latest_version_want_a_description_too(sandboxed: Shop) -> None:
    assert sandboxed.promote("region_totals", "daily_sales").code == 3
    found = [each["message"] for each in check(sandboxed, "--json").json["findings"] if each["rule"] == "column-doc"]
    assert found == [
        "output daily_sales does not describe day, region, orders",
        "output region_totals does not describe region, revenue",
    ]


def test_among_many_notebooks_an_exploration_without_marks_is_fine(shop: Shop) -> None:
    cells(shop, "orders.head()")
    ran = shop.run("check", "--json", "--strict")
    assert ran.code == 0
    assert rules(ran) == [("no-output", "note")]


def test_marimos_findings_are_merged_and_not_said_twice(shop: Shop) -> None:
    cells(shop, "x = 1", "x = 2", "pass", WARNED)
    ran = check(shop, "--json")
    assert ran.code == 1
    assert "multiple-definitions" in {refusal["reason"] for refusal in ran.json["refusals"]}
    assert [(each["source"], each["rule"]) for each in ran.json["findings"] if each["source"] == "marimo"] == [
        ("marimo", "empty-cells")
    ]
    where = next(each for each in ran.json["findings"] if each["source"] == "marimo")
    assert where["cell"] == 4  # after setup, sources and the two definitions


def test_an_error_of_marimo_fails_where_nothing_is_refused(shop: Shop) -> None:
    cells(shop, "x = 1", "x = 2")  # nothing is marked, so there is nothing to refuse
    ran = check(shop, "--json")
    assert ran.code == 1
    assert ("multiple-definitions", "error") in rules(ran)


def test_code_outside_of_cells_is_named_and_never_dropped(shop: Shop) -> None:
    text = shop.notebook.read_text().replace("if __name__", "def helper():\n    return 1\n\n\nif __name__")
    shop.notebook.write_text(text.replace('__generated_with = "0.25.2"\n', ""))
    ran = check(shop, "--fix", "--json")
    assert "outside of every cell" in str(ran.json["findings"])
    assert "def helper()" in shop.notebook.read_text()
    assert "__generated_with" in shop.notebook.read_text()


def test_fix_writes_ibis_before_each_underscore_and_nothing_else(shop: Shop) -> None:
    cells(
        shop,
        "from ibis import _  # `_` is column-like\n# `_` stays in comments\nrows = orders.filter(_.amount > 5)",
        'from ibis import _, desc\nbest = rows.order_by(desc(_.amount))\n[_ for _ in "ab"]\n(lambda _: _)(1)',
        'wb.output("late", best.filter(_.amount < 50), key=["order_id"], doc="Late.", columns={"order_id": "id"})',
    )
    before = shop.notebook.read_text()
    refused = check(shop, "--json")
    assert refused.code == 1
    assert [rule for rule, _ in rules(refused)] == ["ibis-underscore", "ibis-underscore"]
    ran = check(shop, "--fix", "--json")
    assert ran.code == 0
    assert ran.json["findings"] == []
    assert [each["rule"] for each in ran.json["fixed"]] == ["ibis-underscore", "ibis-underscore"]
    assert shop.notebook.read_text() == (
        before.replace("    from ibis import _  # `_` is column-like\n", "")
        .replace("orders.filter(_.amount > 5)", "orders.filter(ibis._.amount > 5)")
        .replace("from ibis import _, desc", "from ibis import desc")
        .replace("desc(_.amount)", "desc(ibis._.amount)")
        .replace("best.filter(_.amount", "best.filter(ibis._.amount")
    )
    assert check(shop, "--fix", "--json").json["fixed"] == []


def test_fix_imports_ibis_where_no_cell_does_and_keeps_marimos_signature(shop: Shop) -> None:
    parts = [
        "@app.cell\ndef _():\n    import workbench as wb\n    return (wb,)\n",
        "@app.cell\ndef _(wb):\n    from ibis import _\n    "
        'rows = wb.source("orders").filter(_.amount > 5)\n    return (rows,)\n',
        '@app.cell\ndef _(rows, wb):\n    wb.output("late", rows.filter(_.amount < 50))\n    return\n',
    ]
    shop.notebook.write_text("\n\n".join([HEAD, *parts]))
    assert check(shop, "--fix").code == 0
    text = shop.notebook.read_text()
    assert 'def _(wb):\n    import ibis\n    rows = wb.source("orders").filter(ibis._.amount > 5)' in text
    assert 'def _(ibis, rows, wb):\n    wb.output("late", rows.filter(ibis._.amount < 50))' in text


@pytest.mark.parametrize(
    "cell",
    [
        "from ibis import _\n_ = 3\norders.filter(_ > 2)",
        "from ibis import _\nf = lambda ibis: _.amount",
        "from ibis import (\n    _,\n    desc,\n)\norders.order_by(desc(_.amount))",
        "from ibis import _ ; orders.filter(_.amount > 2)",
    ],
)
def test_what_is_not_mechanical_is_said_and_left_alone(shop: Shop, cell: str) -> None:
    cells(shop, cell, WARNED)
    before = shop.notebook.read_bytes()
    (finding,) = [each for each in check(shop, "--fix", "--json").json["findings"] if each["rule"] == "ibis-underscore"]
    assert not finding["fixable"]
    assert shop.notebook.read_bytes() == before


def test_fix_keeps_line_ends_permissions_and_links(shop: Shop, tmp_path: Path) -> None:
    cells(shop, "from ibis import _\nrows = orders.filter(_.amount > 5)", 'mo.md(\n    """\n    # Title\n    """\n)', WARNED)
    real = tmp_path / "real.py"
    real.write_bytes(shop.notebook.read_bytes().replace(b"\n", b"\r\n"))
    real.chmod(0o640)
    shop.notebook.unlink()
    shop.notebook.symlink_to(real)
    assert len(check(shop, "--fix", "--json").json["fixed"]) == 2
    assert shop.notebook.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    content = real.read_bytes()
    assert content.count(b"\n") == content.count(b"\r\n")
    assert b"ibis._.amount > 5" in content
    assert b'mo.md("""\r\n    # Title' in content


def test_a_file_that_does_not_parse_is_reported_beside_the_others(shop: Shop) -> None:
    (shop.root / "notebooks" / "broken.py").write_text("import marimo\napp = marimo.App(\n")
    (shop.root / "notebooks" / "helpers.py").write_text("LIMIT = 3\n")  # no notebook
    ran = shop.run("check", "--json")
    assert ran.code == 2
    assert [each["notebook"] for each in ran.json["errors"]] == ["notebooks/broken.py"]
    assert [each["name"] for each in ran.json["outputs"]] == ["daily_sales", "region_totals"]
    text = shop.run("check")
    assert "can't be read" in text.out
    assert "region_totals" in text.out
    assert shop.run("check", "--ignore-scripts", "notebooks/helpers.py", "notebooks/sales.py").code == 0
    assert shop.run("check", "notebooks/helpers.py", "notebooks/sales.py").code == 2


def test_annotations_are_escaped_and_name_file_line_and_rule(shop: Shop) -> None:
    name = "50%,of:all.py"
    cells(shop, "import os\nfloor = os.environ['FLOOR']", 'wb.output("late", orders.filter(ibis._.amount > int(floor)))')
    shop.notebook.rename(shop.notebook.with_name(name))
    ran = shop.run("check", f"notebooks/{name}", "--format", "github")
    assert ran.code == 1
    lines = ran.out.splitlines()
    assert all(line.startswith("::") for line in lines)
    assert any(line.startswith("::error file=notebooks/50%25%2Cof%3Aall.py,line=") for line in lines)
    assert "title=workbench environment::refused: cell 3, line " in ran.out
    assert any(line.startswith("::warning") and "output-key" in line and "%0Away out" in line for line in lines)
    broken = shop.root / "notebooks" / "broken.py"
    broken.write_text("import marimo\napp = marimo.App(\n")
    assert shop.run("check", "notebooks/broken.py", "--format", "github").out.startswith(
        "::error file=notebooks/broken.py,line=1"
    )


def test_format_json_is_the_json_document(shop: Shop) -> None:
    assert json.loads(check(shop, "--format", "json").out) == check(shop, "--json").json
    assert json.loads(shop.run("check", "nowhere.py", "--format", "json").out)["error"]["exit_code"] == 2


def test_a_refusal_ends_with_the_command_that_prints_its_page(shop: Shop) -> None:
    cells(shop, 'wb.output("late", orders.mutate(at=ibis.now()))')
    command = next(line for line in check(shop).out.splitlines() if "more: " in line).partition("more: ")[2]
    assert check(shop, "--json").json["refusals"][0]["explain"] == command
    ran = shop.run(*command.split()[1:])
    assert ran.code == 0
    assert ran.out.startswith("# clock\n\n**What.** The logic asks for the current time")
    assert "**Way out.**" in ran.out
    assert shop.run(*command.split()[1:], "--json").json["text"].rstrip() == ran.out.rstrip()


def test_a_finding_has_the_command_that_says_what_the_table_of_the_documentation_says(shop: Shop) -> None:
    cells(shop, 'wb.output("late", orders)')
    found = next(each for each in check(shop, "--json").json["findings"] if each["rule"] == "output-key")
    ran = shop.run(*found["explain"].split()[1:])
    assert ran.out.startswith("# output-key\n\n**Warning.** An output without `key=`: its versions")
    assert shop.run(*found["explain"].split()[1:], "--json").json["severity"] == "warning"
    annotation = next(line for line in check(shop, "--format", "github").out.splitlines() if "output-key" in line)
    assert annotation.endswith(f"%0Amore: {found['explain']}")


def test_reasons_are_listed_and_a_slip_is_met_with_the_nearest_one(shop: Shop) -> None:
    listed = shop.run("check", "--explain")
    assert listed.code == 0
    assert "star-import " in listed.out
    assert re.search(r"^output-key +warning +An output without key=", listed.out, re.MULTILINE)
    assert listed.out.endswith("next: workbench check --explain NAME\n")
    assert not [line for line in (listed.out + check(shop).out).splitlines() if line.endswith(" ")]
    slip = shop.run("check", "--explain", "star-imports")
    assert slip.code == 2
    assert "did you mean 'star-import'?" in slip.err
    assert "did you mean 'output-key'?" in shop.run("check", "--explain", "outputkey").err
    mixed = shop.run("check", "notebooks/sales.py", "--explain", "clock")
    assert mixed.code == 2
    assert "reads no notebook" in mixed.err


def test_pre_commit_mends_and_fails_as_it_expects_of_a_hook(shop: Shop) -> None:
    """The hook's own command on the files of a commit, from a process as pre-commit starts it."""
    import yaml

    root = Path(__file__).parents[2]
    hooks = {hook["id"]: hook for hook in yaml.safe_load((root / ".pre-commit-hooks.yaml").read_text())}
    cells(shop, "from ibis import _\nrows = orders.filter(_.amount > 5)", WARNED)
    (shop.root / "notebooks" / "helpers.py").write_text("LIMIT = 3\n")
    words = hooks["workbench-check"]["entry"].split()
    assert words[0] == "workbench"
    command = [
        sys.executable,
        "-m",
        *words,
        *hooks["workbench-check"].get("args", []),
        "notebooks/sales.py",
        "notebooks/helpers.py",
    ]
    done = subprocess.run(
        command, cwd=shop.root, env=os.environ | {"PYTHONPATH": str(root)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("expr", "warned"),
    [
        ("orders.limit(5)", True),
        ('orders.order_by("amount").head(5)', True),
        ('orders.order_by(ibis.desc("amount"), "order_id").limit(5)', False),
        ("orders.order_by(orders.day, orders.order_id.desc()).select(orders.order_id).limit(5)", False),
        ("ordered.limit(5)", False),
        ("fewer(orders)", True),
        ("orders", False),
    ],
)
def test_a_limit_without_an_order_of_all_rows_is_pointed_out(shop: Shop, expr: str, warned: bool) -> None:
    cells(
        shop,
        'ordered = orders.order_by("order_id")\norders.head()',
        "def fewer(table):\n    return table.limit(3)",
        f'wb.output("late", {expr}, key=["order_id"])',
    )
    ran = check(shop, "--json")
    assert [finding["rule"] for finding in ran.json["findings"]].count("limit-order") == warned, ran.out
