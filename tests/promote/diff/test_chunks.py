"""Parquet files are compared by their bytes first: the answer is that of comparing every row, with less read."""

from __future__ import annotations

import functools
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.config import Settings, Workspace
from workbench.promote.diff import aligned, beside, diff, diff_snapshots, flow, narrow, parts
from workbench.promote.diff.chunks import match
from workbench.promote.diff.files import open_table
from workbench.runtime.duck import Listed, note_files
from workbench.runtime.warehouse import Warehouse

GROUP = 2048
BASE = """
    SELECT i AS id, i // 2 AS pair, hash(i) % 1000 AS v, (hash(i, 2) % 100)::DOUBLE / 7 AS x, 't' || hash(i, 3) % 50 AS s,
           CASE WHEN i % 7 > 0 THEN (i % 50)::DECIMAL(9, 2) END AS d, DATE '2024-01-01' + (i % 300)::INT AS day,
           [i % 3, i % 5] AS l, {'a': i % 4, 'b': NULLIF('k' || i % 3, 'k1')} AS t
    FROM range(9000) r(i)
"""
CHANGES = {
    "nothing": "FROM base",
    "some texts": "SELECT * REPLACE (CASE WHEN id % 997 = 0 THEN s || '!' ELSE s END AS s) FROM base",
    "two columns everywhere": "SELECT * REPLACE (x * 1.0000001 AS x, v + 1 AS v) FROM base",
    "one row": "SELECT * REPLACE (CASE WHEN id = 5000 THEN d + 1 ELSE d END::DECIMAL(9, 2) AS d) FROM base",
    "one list": "SELECT * REPLACE (CASE WHEN id = 5000 THEN [id] ELSE l END AS l) FROM base",
    "one field of a struct": "SELECT * REPLACE (CASE WHEN id = 5000 THEN {'a': 9, 'b': 'z'} ELSE t END AS t) FROM base",
    "rows appended": "FROM base UNION ALL SELECT * REPLACE (id + 100000 AS id) FROM base WHERE id < 3000",
    "rows appended and a text": """
        SELECT * REPLACE (CASE WHEN id = 3 THEN '?' ELSE s END AS s) FROM base
        UNION ALL SELECT * REPLACE (id + 100000 AS id) FROM base WHERE id < 100""",
    "rows appended and a last text": """
        SELECT * REPLACE (CASE WHEN id = 8990 THEN 't9' ELSE s END AS s) FROM base
        UNION ALL SELECT * REPLACE (id + 100000 AS id) FROM base WHERE id < 100""",
    "rows appended with other texts": """
        FROM base UNION ALL SELECT * REPLACE (id + 100000 AS id, 'new' || id AS s) FROM base WHERE id < 100""",
    "a row inserted": "FROM base UNION ALL SELECT * REPLACE (-1 AS id) FROM base WHERE id = 5000",
    "rows gone": "FROM base WHERE id % 2500 > 0",
    "the tail gone": "FROM base WHERE id < 7000",
    "a type changed": "SELECT * REPLACE (v::DOUBLE AS v) FROM base",
    "a column added, a row gone": "SELECT *, id * 2 AS extra FROM base WHERE id <> 8999",
    "a column gone": "SELECT * EXCLUDE (day) REPLACE (CASE WHEN id % 500 = 0 THEN 'zz' ELSE s END AS s) FROM base",
    "copies of keys swap values": """
        SELECT * REPLACE (CASE WHEN pair = 700 THEN lead(v, 1, v) OVER (PARTITION BY pair ORDER BY id) ELSE v END AS v)
        FROM base""",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chunks")
    con = ibis.duckdb.connect()
    con.raw_sql(f"CREATE TABLE base AS {BASE}")
    write(con, "base", folder / "base.parquet")
    for number, query in enumerate(CHANGES.values()):
        write(con, query.strip(), folder / f"{number}.parquet")
    return folder


def write(con, query: str, path: Path) -> None:
    query = query if " " in query else f"FROM {query}"
    con.raw_sql(f"COPY (FROM ({query}) ORDER BY id, pair) TO '{path}' (ROW_GROUP_SIZE {GROUP})")


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[parts.Reduced]:
    """What the bytes left over, comparison by comparison; small files and tables count as large."""
    monkeypatch.setattr(parts, "WORTH", 0)
    monkeypatch.setattr(narrow, "SMALL", 1000)
    found: list[parts.Reduced] = []

    def reduced(*arguments, **options):
        found.append(parts.reduced(*arguments, **options))
        return found[-1]

    monkeypatch.setattr(flow, "reduced", reduced)
    return found


OPTIONS = [{}, {"rel_tol": 1e-3}, {"largest": 3}, {"where": "delta_v > 0", "samples": 3}, {"ignore_case": True}]


@pytest.mark.parametrize("key", [("id",), ("pair",), ("pair", "id"), ()], ids=["unique", "copies", "two columns", "none"])
@pytest.mark.parametrize("change", CHANGES)
def test_bytes_change_nothing_about_the_answer(folder, taken, change, key):
    con = ibis.duckdb.connect()
    ours = open_table(con, str(folder / "base.parquet"), "ours")
    theirs = open_table(con, str(folder / f"{list(CHANGES).index(change)}.parquet"), "theirs")
    for options in OPTIONS if key == ("id",) else OPTIONS[:1]:
        found = diff(ours, theirs, key=key, **options).to_json()
        assert found == diff(ours, theirs, key=key, verify=True, **options).to_json(), options
    assert not con.raw_sql("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall()


@pytest.mark.parametrize(
    ("change", "equal", "aligned"),
    [
        ("nothing", 9000, 0),
        ("one row", 9000 - GROUP, GROUP),
        ("two columns everywhere", 0, 9000),
        ("rows appended", 9000, 0),
        ("the tail gone", 7000, 0),
        ("a type changed", 0, 9000),
        ("a row inserted", 0, 0),
    ],
)
def test_only_row_groups_whose_bytes_differ_are_decoded(folder, taken, change, equal, aligned):
    con = ibis.duckdb.connect()
    ours = open_table(con, str(folder / "base.parquet"), "ours")
    theirs = open_table(con, str(folder / f"{list(CHANGES).index(change)}.parquet"), "theirs")
    diff(ours, theirs, key=["id"])
    (left,) = taken
    assert left.equal == equal
    assert sum(stop - start for start, stop in (left.lone[1].aligned if left.lone else ())) == aligned


def test_a_place_says_nothing_where_keys_have_copies(folder, taken):
    con = ibis.duckdb.connect()
    ours = open_table(con, str(folder / "base.parquet"), "ours")
    theirs = open_table(con, str(folder / f"{list(CHANGES).index('copies of keys swap values')}.parquet"), "theirs")
    assert diff(ours, theirs, key=["pair"]).rows.changed > 0
    assert [left.lone is not None for left in taken] == [True, False]


@pytest.mark.parametrize(
    ("change", "options", "known"),
    [
        ("two columns everywhere", {"key": ["id"]}, True),
        ("some texts", {"key": ["pair", "id"]}, True),
        ("one row", {"key": ["id"], "where": "delta_d > 0"}, True),
        ("rows appended and a text", {"key": ["id"]}, True),
        ("two columns everywhere", {"key": ["id"], "rel_tol": 1e-3}, False),
        ("some texts", {"key": ["id"], "ignore_case": True}, False),
        ("one list", {"key": ["id"]}, False),
        ("some texts", {"key": ["day", "id"]}, False),  # the rows are not in the order of this key
    ],
)
def test_columns_whose_equality_arrow_knows_are_compared_there(folder, taken, monkeypatch, change, options, known):
    said = []
    monkeypatch.setattr(aligned, "beside", lambda *arguments: said.append(beside.beside(*arguments)) or said[-1])
    con = ibis.duckdb.connect()
    ours = open_table(con, str(folder / "base.parquet"), "ours")
    theirs = open_table(con, str(folder / f"{list(CHANGES).index(change)}.parquet"), "theirs")
    found = diff(ours, theirs, **options)
    assert [each is not None for each in said] == [known]
    assert found.to_json() == diff(ours, theirs, verify=True, **options).to_json()


def test_numbers_of_another_type_in_the_file_are_not_compared_in_arrow(tmp_path, taken):
    con = ibis.duckdb.connect()
    for name, kind in (("a", "INTEGER"), ("b", "BIGINT")):
        con.raw_sql(f"COPY (SELECT i AS id, (i % 50)::{kind} AS v FROM range(5000) r(i)) TO '{tmp_path}/{name}.parquet'")
        con.raw_sql(
            f"CREATE TEMP VIEW {name} AS SELECT id, CAST(v AS BIGINT) AS v FROM read_parquet('{tmp_path}/{name}.parquet')"
        )
        note_files(con.con, name, [Listed(tmp_path / f"{name}.parquet")])
    assert diff(con.table("a"), con.table("b"), key=["id"]).identical
    assert taken[0].lone is not None


@pytest.mark.parametrize("how", [{}, {"data_page_size": 512, "write_batch_size": 64, "dictionary_pagesize_limit": 999}])
def test_files_by_other_writers_that_ibis_reads_are_compared_by_their_bytes(tmp_path, taken, how):
    rows = pa.table(
        {"id": range(9000), "s": [f"a text {i % 700} " * 5 for i in range(9000)], "l": [[i, i % 3] for i in range(9000)]}
    )
    texts = rows["s"].to_pylist()
    files = {
        "base": rows,
        "copy": rows,
        "changed": rows.set_column(1, "s", [[*texts[:5000], "?", *texts[5001:]]]),
        "longer": pa.concat_tables([rows, rows.slice(0, 100).set_column(0, "id", [range(20_000, 20_100)])]),
    }
    con = ibis.duckdb.connect()
    for name, table in files.items():
        pq.write_table(table, tmp_path / f"{name}.parquet", row_group_size=GROUP, **how)
    read = {name: con.read_parquet(tmp_path / f"{name}.parquet") for name in files}
    for name, (equal, differing) in {"copy": (9000, 0), "changed": (9000 - GROUP, 1), "longer": (9000, 100)}.items():
        found = diff(read["base"], read[name], key=["id"])
        assert found.to_json() == diff(read["base"], read[name], key=["id"], verify=True).to_json()
        assert found.rows.added + found.rows.changed == differing
        assert taken[-1].equal == equal


def test_files_without_rows_have_no_bytes_to_compare(tmp_path, taken):
    con = ibis.duckdb.connect()
    rows = pa.table({"id": pa.array([1, 2]), "s": ["a", "b"]})
    for name, table in {"empty": rows.slice(0, 0), "again": rows.slice(0, 0), "full": rows}.items():
        pq.write_table(table, tmp_path / f"{name}.parquet")
    read = [con.read_parquet(tmp_path / f"{name}.parquet") for name in ("empty", "again", "full")]
    for key in ([], ["id"]):
        assert diff(*read[:2], key=key).identical
        assert diff(*read[1:], key=key).rows.added == 2


def test_a_view_of_files_is_not_taken_for_a_table_of_its_name_elsewhere(tmp_path, taken):
    con = ibis.duckdb.connect()
    con.raw_sql(f"COPY (SELECT i AS id, 1 AS v FROM range(5000) r(i)) TO '{tmp_path}/a.parquet'")
    con.raw_sql("ATTACH ':memory:' AS other")
    con.raw_sql("CREATE TABLE other.main.a AS SELECT i AS id, 2 AS v FROM range(5000) r(i)")
    view = con.read_parquet(tmp_path / "a.parquet", table_name="a")
    assert diff(view, con.table("a", database=("other", "main")), key=["id"]).rows.changed == 5000


@pytest.mark.parametrize("name", ["pattern*.parquet", "day=1/a.parquet"])
def test_names_that_are_patterns_or_columns_are_read_by_the_engine_alone(tmp_path, taken, name):
    con = ibis.duckdb.connect()
    for folder in ("one", "other"):
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True)
        con.raw_sql(f"COPY (SELECT i AS id FROM range(5000) r(i)) TO '{path}'")
    ours, theirs = (con.read_parquet(tmp_path / folder / name) for folder in ("one", "other"))
    assert diff(ours, theirs, key=["id"]).identical
    assert taken[-1].equal == 0


def test_verify_decodes_everything(folder, taken):
    con = ibis.duckdb.connect()
    ours = open_table(con, str(folder / "base.parquet"), "ours")
    theirs = open_table(con, str(folder / "0.parquet"), "theirs")
    assert diff(ours, theirs, key=["id"], verify=True).identical
    assert not taken


VALUES = {
    "BIGINT": ["NULL", "0", "1", "9007199254740993"],
    "DOUBLE": ["NULL", "0.0", "-0.0", "'nan'", "'inf'", "1.5"],
    "VARCHAR": ["NULL", "''", "'a'", "'A'", "'a '", "'é'"],
    "BOOLEAN": ["NULL", "TRUE", "FALSE"],
    "DECIMAL(30, 4)": ["NULL", "0", "12345678901234567890.0001"],
    "TIMESTAMP_NS": ["NULL", "'2024-01-01 00:00:00.000000001'", "'2024-01-01'"],
    "TIMESTAMPTZ": ["NULL", "'2024-01-01 00:00:00+00'", "'2024-07-01 00:00:00+00'"],
    "INTEGER[]": ["NULL", "[]", "[NULL]", "[1, 2]", "[2, 1]"],
    "STRUCT(a INTEGER, b VARCHAR[])": ["NULL", "{'a': NULL, 'b': NULL}", "{'a': 1, 'b': ['x']}"],
    "MAP(VARCHAR, INTEGER)": ["NULL", "MAP {}", "MAP {'a': 1, 'b': 2}", "MAP {'b': 2, 'a': 1}"],
    "UUID": ["NULL", "'00000000-0000-0000-0000-000000000001'", "'00000000-0000-0000-0000-000000000002'"],
    "BLOB": ["NULL", "'\\x00'", "''"],
}


@st.composite
def mutations(draw):
    """Columns, the rows of a table, and what is done to it: cells set, rows removed, rows added."""
    kinds = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=4))
    rows = draw(st.integers(1, 60))
    cell = st.one_of(
        *(st.tuples(st.integers(0, rows - 1), st.just(i), st.sampled_from(VALUES[k])) for i, k in enumerate(kinds))
    )
    cells = draw(st.lists(cell, max_size=8))
    gone = draw(st.lists(st.integers(0, rows - 1), max_size=3))
    added = draw(st.lists(st.integers(0, rows + 20), max_size=3))
    return kinds, rows, cells, gone, added, draw(st.integers(1, 4))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutations(), st.sampled_from([["id"], ["half"], []]))
def test_random_mutations_compare_alike_with_and_without_bytes(tmp_path, taken, mutation, key):
    kinds, rows, cells, gone, added, every = mutation
    con = ibis.duckdb.connect()
    picked = []
    for n, kind in enumerate(kinds):
        choices = ", ".join(f"CAST({value} AS {kind})" for value in VALUES[kind])
        picked.append(f"([{choices}])[1 + i * {n + 7} // 3 % {len(VALUES[kind])}] AS c{n}")
    con.raw_sql(f"CREATE TABLE base AS SELECT i AS id, i // {every} AS half, {', '.join(picked)} FROM range({rows}) r(i)")
    con.raw_sql("CREATE TABLE candidate AS FROM base")
    for row, n, value in cells:
        con.raw_sql(f"UPDATE candidate SET c{n} = CAST({value} AS {kinds[n]}) WHERE id = {row}")
    for row in gone:
        con.raw_sql(f"DELETE FROM candidate WHERE id = {row}")
    for row in added:
        con.raw_sql(f"INSERT INTO candidate SELECT * REPLACE ({row} AS id) FROM base LIMIT 1")
    for name in ("base", "candidate"):
        con.raw_sql(f"COPY (FROM {name} ORDER BY id) TO '{tmp_path}/{name}.parquet' (ROW_GROUP_SIZE 8)")
    ours, theirs = (open_table(con, f"{tmp_path}/{name}.parquet", f"v_{name}") for name in ("base", "candidate"))
    assert diff(ours, theirs, key=key).to_json() == diff(ours, theirs, key=key, verify=True).to_json()


def test_equal_bytes_under_another_type_are_no_proof(tmp_path):
    con = ibis.duckdb.connect()
    con.raw_sql(f"COPY (SELECT 1 AS id, 5::INTEGER AS v) TO '{tmp_path}/int.parquet'")
    con.raw_sql(f"COPY (SELECT 1 AS id, 5::UINTEGER AS v) TO '{tmp_path}/uint.parquet'")
    con.raw_sql(f"COPY (SELECT 1 AS id, DATE '1970-01-06' AS v) TO '{tmp_path}/date.parquet'")
    files = [tmp_path / f"{name}.parquet" for name in ("int", "uint", "date")]
    for other in files[1:]:
        found = match(files[0], other, ["id"], ["id", "v"], {"id", "v"})
        assert found is not None
        assert (found.equal, found.columns) == (0, {"v"})


def test_what_is_no_parquet_is_not_matched(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_text("no")
    assert match(path, path, [], ["a"], {"a"}) is None


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse.open(Workspace(tmp_path, Settings()))


def test_after_one_partition_of_a_year_changed_only_that_partition_is_read(warehouse, taken):
    con = warehouse.connect()
    months = con.sql("SELECT DATE '2024-01-01' + INTERVAL (i // 610) MONTH AS month, i AS id, i % 7 AS v FROM range(7320) t(i)")
    old = warehouse.write(months, pipeline="p", version=1, key=("month", "id"), partition_by="month")
    changed = months.mutate(v=ibis.ifelse(ibis._.id == 2021, 50, ibis._.v).cast("int64"))
    new = warehouse.write(changed, pipeline="p", version=2, key=("month", "id"), partition_by="month")
    assert len(old.files) == 12
    read = functools.partial(warehouse.read, con)
    before, after = read(old), read(new)
    left = {file.sha256 for file in old.files} ^ {file.sha256 for file in new.files}
    assert len(left) == 2
    # All others but the first, by which the engine learns the columns, hold rubbish: whoever read them would fail.
    for file in (*old.files[1:], *new.files[1:]):
        if file.sha256 not in left:
            (warehouse.folder / file.path).write_bytes(b"rubbish")
    found = diff_snapshots(old, new, lambda snapshot: before if snapshot is old else after, key=["id"], distributions=False)
    assert (found.rows.changed, found.rows.unchanged) == (1, 7319)
    assert found.samples.changed[0].key == {"id": 2021}
    assert taken[-1].equal == 7320 - 610
