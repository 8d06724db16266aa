"""A notebook beside the modules that were made of it."""

from __future__ import annotations

import json
import re

import pytest

from tests.conftest import Shop

HOSTILE = '"</script><script>alert(1)</script>"'


def test_an_unpromoted_notebook_is_shown_beside_its_modules(shop: Shop) -> None:
    shop.edit('mo.md(f"smallest amount: {min_amount.value}")', f"mo.md({HOSTILE})")
    ran = shop.run("check", "notebooks/sales.py", "--map")
    assert ran.code == 0
    kept = next(line for line in ran.out.splitlines() if line.count("# only what was really paid") == 2)
    numbers = re.findall(r"(?:^|\s)(\d+) ", kept)
    assert len(numbers) == 2
    assert re.search(r'customers = wb.source\("customers"\) +becomes argument customers', ran.out)
    assert "left out: display" in ran.out
    assert "becomes parameter min_amount" in ran.out
    page = shop.root / "map.html"
    assert shop.run("check", "notebooks/sales.py", "--map", "--html", str(page)).out.endswith(f"wrote {page}\n")
    html = page.read_text()
    assert "left out: parameter min_amount, which region_totals does not take" in html
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert not re.search(r"""(src|href)=|url\(|@import|https?://""", html)
    assert "prefers-color-scheme: dark" in html
    assert "max-width: 44rem" in html
    assert str(shop.root) not in html


def test_every_line_of_notebook_and_module_is_shown_once_and_in_order(shop: Shop) -> None:
    from workbench.promote.mapping import Map

    for plain in shop.run("check", "notebooks/sales.py", "--map", "--json").json["maps"]:
        plain.pop("schema_version")
        plain.pop("title")
        found = Map.from_json(plain, plain["module"])
        rows = list(found.rows())
        assert sorted(row.module_line for row in rows if row.module_line) == list(range(1, found.module.count("\n") + 1))
        shown = [(row.line, row.text) for row in rows if row.line]
        assert shown == [(number, text) for cell in found.cells for number, text in enumerate(cell.lines, cell.line)]
        assert {row.reason for row in rows if row.reason} == {each.reason for each in found.dropped}


def test_the_map_of_a_version_stays_when_the_notebook_changes(sandboxed: Shop) -> None:
    assert sandboxed.promote().code == 3
    text = sandboxed.notebook.read_text()
    sandboxed.notebook.write_text("changed")
    ran = sandboxed.run("show", "P-1", "--map")
    assert ran.code == 0
    assert "daily_sales@1" in ran.out
    assert "region_totals@1" in ran.out
    assert "# only what was really paid" in ran.out
    one = sandboxed.run("show", "region_totals@1", "--map")
    assert "daily_sales@1" not in one.out
    (found,) = sandboxed.run("show", "region_totals@1", "--map", "--json").json["maps"]
    stored = json.loads((sandboxed.root / "promoted/region_totals/v1/evidence/map.json").read_text())
    assert stored["lines"] == found["lines"]
    assert str(sandboxed.root) not in json.dumps(stored)
    page = sandboxed.root / "map.html"
    assert sandboxed.run("show", "P-1", "--map", "--html", str(page)).code == 0
    assert page.read_text().count("<section>") == 2
    sandboxed.notebook.write_text(text)
    assert sandboxed.run("doctor").code == 0
    assert sandboxed.run("approve", "P-1").code == 0
    assert sandboxed.run("publish", "P-1").code == 0
    # A gate refuses a large change; its map is kept all the same.
    sandboxed.edit("amount >= min_amount.value", "amount > min_amount.value + 5")
    assert sandboxed.promote().code == 1
    assert "min_amount.value + 5" in sandboxed.run("show", "P-2", "--map").out


def test_a_promotion_without_a_module_says_where_its_map_is(sandboxed: Shop) -> None:
    sandboxed.edit("ibis._.amount.sum())", "ibis._.absent.sum())")
    assert sandboxed.promote().code == 1
    ran = sandboxed.run("show", "P-1", "--map")
    assert ran.code == 2
    assert "workbench check notebooks/sales.py --map" in ran.err


def test_a_refused_output_has_no_map_and_the_others_do(shop: Shop) -> None:
    shop.edit('daily_sales.group_by("region")', 'daily_sales.execute().group_by("region")')
    ran = shop.run("check", "notebooks/sales.py", "--map", "--json")
    assert ran.code == 1
    assert [found["pipeline"] for found in ran.json["maps"]] == ["daily_sales"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "--map"),
        ("show", "P-1", "--html", "x.html"),
        ("check", "--html", "x.html"),
        ("check", "--map", "--html", "no/x.html"),
    ],
)
def test_a_map_of_nothing_is_a_usage_error(shop: Shop, arguments: tuple[str, ...]) -> None:
    ran = shop.run(*arguments)
    assert ran.code == 2
    assert "next:" in ran.err
