"""The terminal and the page: readable, deterministic, and safe whatever the data says."""

from __future__ import annotations

import io

import ibis
import pytest
from rich.console import Console

from workbench.promote.diff import diff
from workbench.render.diff import terminal
from workbench.render.diff_page import html, html_report

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "=cmd|' /C calc'!A0",
    "[red]markup[/red]",
    "\x1b[2J\x1b]0;own\x07",
    "\u202ereversed",
    "{{ 7 * 7 }}",
    "a\nb",
]


@pytest.fixture
def hostile():
    con = ibis.duckdb.connect()
    base = con.create_table("base", {"id": list(range(len(HOSTILE))), "<b>v</b>": ["x"] * len(HOSTILE), "gone": HOSTILE})
    candidate = con.create_table("candidate", {"id": list(range(len(HOSTILE))), "<b>v</b>": HOSTILE, "<i>new</i>": HOSTILE})
    return diff(base, candidate, key=["id"], samples=20)


def printed(found, **options):
    stream = io.StringIO()
    Console(file=stream, width=100, force_terminal=False, color_system=None).print(terminal(found, **options))
    return stream.getvalue()


def test_no_value_steers_the_terminal(hostile):
    text = printed(hostile, rows=20)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[red]markup[/red]" in text
    assert "\\x1b[2J" in text


def test_no_value_becomes_markup_of_the_page(hostile):
    page = html(hostile, title="<title>")
    assert page.count("<script>") == 1
    assert "<img" not in page
    assert "<b>v" not in page
    assert "<i>new" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "49" not in page.split("</style>")[1]
    assert "<title>&lt;title&gt;</title>" in page


def test_the_page_loads_nothing_and_is_the_same_twice(hostile):
    page = html(hostile, title="t")
    assert page == html(hostile, title="t")
    assert "default-src 'none'" in page
    assert "src=" not in page.replace("img src=x", "")
    assert "prefers-color-scheme: dark" in page
    assert "width=device-width" in page


def test_comparisons_stand_apart(hostile):
    same = diff(ibis.memtable({"id": [1]}), ibis.memtable({"id": [1]}), key=["id"])
    page = html_report([("Logic effect", "on one snapshot", hostile), ("Data effect", "now", same)], title="p@2")
    assert page.index("Logic effect") < page.index("Data effect") < page.index("identical: 1 row")
    assert "Nothing to compare with" in html_report([], title="p@1")


def test_an_identical_table_is_one_line():
    same = diff(ibis.memtable({"id": [1, 2]}), ibis.memtable({"id": [2, 1]}), key=["id"])
    assert printed(same) == "identical: 2 rows\n"


def test_schema_comes_first_then_columns_then_base_above_candidate():
    con = ibis.duckdb.connect()
    con.raw_sql("CREATE TABLE b AS SELECT i AS id, i AS a, 1::INT AS v, 'x' AS w, i * 3 AS old FROM range(4) t(i)")
    con.raw_sql(
        "CREATE TABLE c AS SELECT i AS id, i + (i = 2)::INT AS a, 1::BIGINT AS v, 2 AS w, i * 3 AS young FROM range(4) t(i)"
    )
    text = printed(diff(con.table("b"), con.table("c"), key=["id"]))
    lines = [line.strip() for line in text.splitlines()]
    assert lines[0] == "4 -> 4 rows: 0 added, 0 removed, 1 changed (25.0%), 3 unchanged"
    assert lines[1:5] == [
        "+ column young (perhaps old renamed)",
        "- column old",
        "~ column v: INTEGER -> BIGINT",
        "~ column w: VARCHAR -> INTEGER; not compared",
    ]
    assert lines[6].split()[:3] == ["a", "1", "25.0%"]
    assert lines[-2].split() == ["-", "2", "2"]
    assert lines[-1].split() == ["+", "3"]


def drifted(rows: int = 2000):
    con = ibis.duckdb.connect()
    con.raw_sql(
        "CREATE TABLE b AS SELECT i AS id, (i * 37 % 1009)::DOUBLE AS x, ['red', 'green'][1 + i % 2] AS colour, "
        f"DATE '2024-01-01' + (i // 100)::INT AS day, i % 7 AS n FROM range({rows}) t(i)"
    )
    con.raw_sql(
        "CREATE TABLE c AS SELECT * REPLACE (if(id % 2 = 0, x + 900, x) AS x, if(id % 5 = 0, 'blue', colour) AS colour, "
        "if(id % 9 = 0, NULL, day) AS day, if(id = 40, -20, n) AS n) FROM b"
    )
    return diff(con.table("b"), con.table("c"), key=["id"], largest=5)


def test_the_page_draws_distributions_drift_and_the_largest_changes():
    page = html(drifted(), title="t")
    charts = page.split("<h3>Distributions</h3>")[1]
    assert charts.count("<figure") == 4 + 2
    assert "drifted · PSI" in charts
    assert "How to read these charts, PSI and KS" in charts
    assert "ranges from low to high, cut to hold about a tenth of the base&#39;s values each<" in charts
    assert "each; some hold more, as values repeat" in charts
    assert "blue" in charts
    assert "a bar is a day" in charts
    assert "NULL 0.0% → 11.2%" in charts
    moves = page.split("<h3>Largest changes</h3>")[1].split("<h3>")[0]
    assert moves.index("<strong>x</strong>") < moves.index("<strong>n</strong>")
    assert moves.count("+900<") == 5
    assert ">% of base<" in moves
    assert ">-25<" in moves


def test_few_rows_are_not_said_to_drift():
    page = html(drifted(500), title="t")
    assert "few rows · PSI" in page
    assert "drifted · PSI" not in page


def test_a_copied_cell_is_no_formula(hostile):
    from workbench.render.diff_page import cell

    page = html(hostile, title="t")
    assert page.count("=cmd") == page.count("<i>&#39;</i>=cmd") > 0
    for text in ("=1+1", "+1+1", "-1+1", "@SUM(A1)", "  =1", "＝1"):
        assert str(cell(text)).startswith("<i>&#39;</i>"), text
    for text in ("-12.50", "+3", "-1e-7", "-12.5%", "1,000", "2024-01-01", -3, 4.5):
        assert "<i>" not in str(cell(text))


def test_the_page_needs_no_script(hostile):
    page = html(hostile, title="t")
    assert '<div class="tools" id="tools" hidden>' in page
    assert page.split("</h1>")[1].split("<script>")[0].count(" hidden") == 1


def wide():
    con = ibis.duckdb.connect()
    columns = ", ".join(f"'text {i} ' || id AS column_{i}" for i in range(12))
    con.raw_sql(f"CREATE TABLE b AS SELECT *, {columns} FROM (SELECT range AS id, range * 1000 AS n FROM range(5))")
    con.raw_sql("CREATE TABLE c AS SELECT * REPLACE (n + (id = 3)::INT AS n, if(id < 2, '', column_3) AS column_3) FROM b")
    con.raw_sql("INSERT INTO c SELECT * REPLACE (9 AS id) FROM b LIMIT 1")
    return diff(con.table("b"), con.table("c"), key=["id"])


@pytest.mark.parametrize("width", [40, 80, 110])
def test_a_terminal_shows_as_many_columns_as_fit_and_names_the_others(width):
    stream = io.StringIO()
    Console(file=stream, width=width, force_terminal=False, color_system=None).print(terminal(wide()))
    lines = stream.getvalue().splitlines()
    assert max(len(line) for line in lines) <= width
    added = lines[next(i for i, line in enumerate(lines) if line.startswith("added, 1 of 1")) :]
    assert added[1].split()[:2] == ["id", "n"]
    assert "more columns: column_" in added[3]
    assert "…" not in added[2]


def test_what_changed_is_seen_without_colours():
    lines = printed(wide()).splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("changed, 3 of 3"))
    assert [line.split() for line in lines[first + 2 : first + 4]] == [["-", "0", "text", "3", "0", "0"], ["+", "·"]]
    assert lines[first + 6].split() == ["-", "3", "text", "3", "3", "3000"]
    assert lines[first + 7].split() == ["+", "·", "3001"]


def test_a_condition_says_how_many_it_chose():
    con = ibis.duckdb.connect()
    con.raw_sql("CREATE TABLE b AS SELECT range AS id, 0 AS n FROM range(9)")
    con.raw_sql("CREATE TABLE c AS SELECT range AS id, range AS n FROM range(9)")
    for where, rows, said in (
        ("delta_n > 5", 5, "changed, all 3 where delta_n > 5:"),
        ("delta_n > 5", 2, "changed, the first 2 where delta_n > 5:"),
        ("delta_n > 50", 5, "changed: none where delta_n > 50"),
    ):
        found = diff(con.table("b"), con.table("c"), key=["id"], where=where, samples=rows)
        assert said in printed(found, rows=rows, where=where).splitlines()
