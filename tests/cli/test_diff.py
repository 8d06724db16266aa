"""``workbench diff`` as people type it."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from workbench.cli.diff import diff
from workbench.cli.main import main

OLD = "SELECT i AS id, i * 10 AS net, 'n' || i AS name, DATE '2024-01-01' + i::INT AS day FROM range(1, 6) t(i)"
NEW = "SELECT * REPLACE (CASE WHEN id = 2 THEN net + 500 WHEN id = 3 THEN net + 5 ELSE net END AS net) FROM old WHERE id > 1"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    with duckdb.connect("shop.duckdb") as con:
        con.execute(f"CREATE TABLE old AS {OLD}")
        con.execute(f"CREATE TABLE new AS {NEW}")
        for name in ("old", "new"):
            con.execute(f"COPY {name} TO '{name}.parquet'")
            con.execute(f"COPY {name} TO '{name}.csv'")
    return tmp_path


def typed(capsys, *arguments):
    code = main(["diff", *arguments])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out, captured.err


@pytest.mark.parametrize(
    "base", ["old.parquet", "old.csv", "duckdb:shop.duckdb#main.old", "duckdb:shop.duckdb#old", "ol*.parquet"]
)
@pytest.mark.parametrize("candidate", ["new.parquet", "duckdb:shop.duckdb#main.new"])
def test_files_and_tables_of_any_kind_meet(here, capsys, base, candidate):
    code, out, _ = typed(capsys, base, candidate, "--key", "id", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["schema_version"] == 1
    assert document["rows"] == {"base": 5, "candidate": 4, "added": 0, "removed": 1, "changed": 2, "unchanged": 2}
    assert document["columns"]["net"]["changed"] == 2


def test_the_terminal_shows_schema_columns_and_rows(here, capsys):
    code, out, err = typed(capsys, "old.parquet", "new.parquet", "--key", "id")
    assert code == 0
    assert err == ""
    words = " ".join(out.split())
    assert words.index("1 removed, 2 changed (50.0%)") < words.index("id net") < words.index("- 2 20 + 520")


@pytest.mark.parametrize(
    "condition",
    [
        "delta_net > 100",
        '"delta_net" > 100 -- and nothing more',
        "base_net BETWEEN 10 AND 20 AND base_name LIKE 'n%'",
        "id IN (2, 7) AND lower(base_name) = 'n2'",
        "CASE WHEN delta_net > 100 THEN TRUE END",
        "regexp_matches(base_name, '^n2') AND base_day < DATE '2025-01-01'",
        "abs(delta_net) > 100 AND candidate_day - base_day = 0",
        "NOT (delta_net < 100) AND coalesce(base_name, '') <> ''",
        "year(base_day) = 2024 AND delta_net::DOUBLE / base_net > 2",
    ],
)
def test_a_condition_may_look_at_values_in_many_ways(here, capsys, condition):
    code, out, err = typed(capsys, "old.parquet", "new.parquet", "--key", "id", "--where", condition, "--json")
    assert code == 0, err
    assert [row["key"] for row in json.loads(out)["samples"]["changed"]] == [{"id": 2}]


def test_rows_and_where_drill_down(here, capsys):
    _, out, _ = typed(capsys, "old.parquet", "new.parquet", "--key", "id", "--where", "delta_net > 100 AND id < 9", "--json")
    assert [row["key"] for row in json.loads(out)["samples"]["changed"]] == [{"id": 2}]
    _, out, _ = typed(capsys, "old.parquet", "new.parquet", "--key", "id", "--rows", "0")
    assert "n2" not in out


def test_the_exit_code_tells_a_difference_when_asked(here, capsys):
    assert typed(capsys, "old.parquet", "new.parquet", "--exit-code")[0] == 1
    assert typed(capsys, "old.parquet", "old.csv", "--key", "id", "--exit-code")[0] == 0
    assert typed(capsys, "old.parquet", "new.parquet")[0] == 0


def test_the_page_is_one_file_without_paths_and_the_same_twice(here, capsys):
    (here / "pages").mkdir()
    for name in ("one", "two"):
        assert typed(capsys, "old.parquet", str(here / "new.parquet"), "--key", "id", "--html", f"pages/{name}.html")[0] == 0
    one, two = ((here / "pages" / f"{name}.html").read_text() for name in ("one", "two"))
    assert one == two
    assert str(here) not in one
    assert "<script src" not in one
    assert "http" not in one.replace("http-equiv", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("gone.parquet", "new.parquet"), "there is no file 'gone.parquet'"),
        (("old.parquet",), "one side is missing"),
        (("old.parquet", "new.parquet", "--key", "idd"), "did you mean 'id'?"),
        (("old.parquet", "new.parquet", "--key", "id,id"), "names a column twice"),
        (("old.parquet", "new.parquet", "--abs-tol", "-1"), "finite number of at least 0"),
        (("old.parquet", "new.parquet", "--rel-tol", "nan"), "finite number of at least 0"),
        (("old.parquet", "new.parquet", "--key", "id", "--where", "netto > 1"), "no name for --where 'netto'"),
        (("old.parquet", "new.parquet", "--key", "id", "--where", "1; DROP TABLE old"), "is not a condition"),
        (("old.parquet", "new.parquet", "--key", "id", "--where", "id IN (SELECT 1)"), "is not a condition"),
        (("old.parquet", "new.parquet", "--where", "delta_net > 1"), "--where chooses among changed rows"),
        (("old.parquet", "new.parquet", "--key", "id", "--where", "base_name"), "Could not convert"),
        (("old.parquet", "new.parquet", "--key", "id", "--where", "delta_name > 1"), "can't be judged"),
        (("old.parquet", "new.parquet", "--key", "id", "--where", "base_net > 'x'"), "Could not convert"),
        (("old.parquet", "new.parquet", "--key", "id", "--where", "getenv('HOME') = 'x'"), "may not call getenv"),
        (("old.parquet", "new.parquet", "--key", "id", "--where", "read_text('old.csv') = 'x'"), "may not call read_text"),
        (("old.parquet", "new.parquet", "--key", "id", "--where", "delta_net > 1 OR pg_sleep(9)"), "may not call pg_sleep"),
        (
            ("old.parquet", "new.parquet", "--key", "id", "--where", "list_transform([id], x -> x) = [1]"),
            "may not call transform",
        ),
        (("old.parquet", "new.parquet", "--key", "id", "--where", "random() > 0.5"), "may not call rand"),
        (("old.parquet", "new.parquet", "--key", "id", "--where", "now() > base_day"), "may not call"),
        (("old.parquet", "new.parquet", "--key", "id", "--where", "sum(id) > 1"), "is not a condition"),
        (("old.parquet", "new.parquet", "--key", "id", "--where", "id > ?"), "is not a condition"),
        (("old.parquet", "new.parquet", "--key", "id", "--where", "id > $1"), "is not a condition"),
        (("old.parquet", "new.parquet", "--key", "id", "--where", "old.id > 1"), "no name for --where 'old.id'"),
        (("old.parquet", "x" * 5000), "can't be read"),
        (("old.parquet", "old\0.csv"), "there is no file"),
        (("old.parquet", "https://example.org/new.parquet"), "addresses of https:// are not read here"),
        (("old.parquet", "mysql://ada:canary@db/shop#orders"), "addresses of mysql:// are not read here"),
        (("old.parquet", "postgres://ada:canary@db/shop"), "'postgres://ada@db/shop' names no table"),
        (("old.parquet", "new.parquet", "--html", "/proc/page.html"), "can't be written"),
        (("old.parquet", "-"), "there is no file '-'"),
        (("old.parquet", ""), "there is no file ''"),
        (("old.parquet", "broken.parquet"), "can't be read"),
        (("old.parquet", "twice.parquet"), "two columns named 'a'"),
        (("old.parquet", "twice.csv"), "two columns named 'a'"),
        (("old.parquet", "notes.txt"), "neither Parquet nor CSV"),
        (("old.parquet", "duckdb:shop.duckdb"), "names no table"),
        (("old.parquet", "duckdb:shop.duckdb#main.nwe"), "did you mean 'main.new'?"),
        (("old.parquet", "duckdb:gone.duckdb#main.new"), "there is no file 'gone.duckdb'"),
        (("old.parquet", "duckdb:notes.txt#main.new"), "can't be read"),
        (("old.parquet", "duckdb:dots.duckdb#a.b.c"), 'into quotes: #"a"."b.c" or #"a.b"."c"'),
        (("old.parquet", "."), "is a folder"),
        (("old.parquet", "sales"), "no workspace"),
        (("old.parquet", "text.parquet", "--key", "id"), "rows can't be matched"),
        (("old.parquet", "new.parquet", "--html", "nowhere/page.html"), "there is no folder"),
    ],
)
def test_bad_input_is_told_with_the_next_command(here, capsys, arguments, said):
    import pyarrow as pa
    import pyarrow.parquet as pq

    (here / "broken.parquet").write_bytes((here / "old.parquet").read_bytes()[:200])
    pq.write_table(
        pa.table([pa.array([1]), pa.array([{"a": 1}]), pa.array([2])], names=["a", "s", "A"]), here / "twice.parquet"
    )
    (here / "twice.csv").write_text("a,b,A\n1,2,3\n")
    (here / "notes.txt").write_text("nothing to see")
    with duckdb.connect(str(here / "dots.duckdb")) as con:
        con.execute('CREATE SCHEMA a; CREATE SCHEMA "a.b"; CREATE TABLE a."b.c" (i INT); CREATE TABLE "a.b".c (i INT)')
    pq.write_table(pa.table({"id": ["1"]}), here / "text.parquet")
    code, _, err = typed(capsys, *arguments)
    assert code == 2
    assert said in err
    assert " next: " in err
    assert "canary" not in err


def test_names_may_have_dots_and_commas(here, capsys):
    columns = '1 AS "last, first", 2 AS "say ""hi"""'
    with duckdb.connect(str(here / "dots.duckdb")) as con:
        con.execute(f'CREATE SCHEMA "a.b"; CREATE TABLE "a.b"."c.d" AS SELECT {columns}, 3 AS v')
        con.execute(f'CREATE TABLE "a.b" AS SELECT {columns}, 4 AS v')
    for key in ('"last, first",say "hi"', ' "last, first" , "say ""hi"""'):
        sides = "duckdb:dots.duckdb#a.b.c.d", 'duckdb:dots.duckdb#"main"."a.b"'
        code, out, _ = typed(capsys, *sides, "--key", key, "--json")
        assert code == 0
        found = json.loads(out)
        assert (found["key"], found["rows"]["changed"]) == (["last, first", 'say "hi"'], 1)


def test_versions_pipelines_and_promotions(published):
    published.edit("ibis._.amount.sum()", "ibis._.amount.sum() * 2")
    assert published.promote("--allow-change", "100%").code == 3
    found = published.run("diff", "daily_sales", "daily_sales@2", "--json")
    assert found.code == 0
    assert found.json["key"] == ["day", "region"]
    assert found.json["columns"].keys() == {"revenue"}
    stored = published.run("diff", "P-2", "--json")
    first = [each["of"] for each in stored.json["comparisons"]][:2]
    assert first == ["daily_sales@2, logic effect", "daily_sales@2, data effect"]
    assert stored.json["comparisons"][0]["rows"] == found.json["rows"]
    assert published.run("diff", "P-2", "--exit-code").code == 1
    assert published.run("diff", "daily_sales", "daily_sales@1", "--exit-code").code == 0
    assert "there are: P-1" in published.run("diff", "P-9").err or "did you mean" in published.run("diff", "P-9").err
    assert "daily_sales@7" in published.run("diff", "daily_sales", "daily_sales@7").err
    assert "did you mean 'daily_sales'" in published.run("diff", "daily_sale", "daily_sales@1").err


def test_the_page_names_every_option():
    page = (Path(__file__).parents[2] / "docs" / "diff.md").read_text()
    missing = [name for option in diff.params for name in option.opts if name.startswith("--") and name not in page]
    assert not missing
