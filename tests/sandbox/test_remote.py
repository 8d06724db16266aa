"""The same seed and data give the same sandbox, whether the data is in files or in a real PostgreSQL."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import astuple
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from tests.postgres import database
from tests.sandbox.conftest import Place
from workbench.errors import ConfigError, GuardRefused, InfrastructureError, UsageError
from workbench.runtime.postgres import Place as At
from workbench.runtime.postgres import Reading
from workbench.sandbox import create as creation
from workbench.sandbox import registry
from workbench.sandbox.create import Request, create
from workbench.sandbox.parity import judge
from workbench.sandbox.registry import SandboxInfo
from workbench.sandbox.remote import Remote

# Made in PostgreSQL, so that files and server hold the very same values.
TABLES = {
    "people": """CREATE TABLE people AS SELECT i - 500 AS id,
        'Pérsøn ' || i || CASE WHEN i % 3 = 0 THEN ' 漢 ''q''' ELSE '' END AS name, DATE '1899-12-25' + i * 11 AS born,
        ((i % 9 - 4) * 1.25)::numeric(9, 3) AS score, CASE WHEN i % 11 > 0 THEN i % 7 END AS region,
        ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid AS ref FROM generate_series(1, 1000) s(i)""",
    "visits": """CREATE TABLE visits AS SELECT (i % 1300) - 500 AS person,
        (timestamptz '2021-03-28 00:30:00+00' + i * interval '977.25 s') AS seen,
        ((i % 100 - 50) * 0.01)::numeric(12, 2) AS paid,
        CASE WHEN i % 13 = 0 THEN NULL ELSE 'p-' || i % 90 END AS item, i % 4 AS lot,
        (timestamp '1970-01-01' + i * interval '1 day 0.000001 s') AS made FROM generate_series(1, 8000) s(i)""",
    "items": """CREATE TABLE items AS SELECT 'p-' || i / 4 AS code, i % 4 AS lot,
        CASE WHEN i % 5 = 0 THEN NULL ELSE 'p-' || i / 8 END AS parent,
        CASE WHEN i % 5 = 0 THEN NULL ELSE i % 4 END AS parent_lot, i::float8 / 3 AS weight
        FROM generate_series(0, 351) s(i)""",
    "days": """CREATE TABLE days AS SELECT d::date AS day, extract(dow FROM d)::smallint AS dow, d > '1971-01-01' AS late,
        (extract(dow FROM d) * -1.25)::numeric(6, 2) AS factor
        FROM generate_series(timestamp '1970-01-01', timestamp '1995-01-01', '1 day') s(d)""",
}
KEYS = {
    "people": 'key = ["id"]\nmask = { name = "redact", ref = "token", born = "generalise:year" }\nsample = "anchor"',
    "visits": 'key = ["person", "seen"]\nreferences = [{ columns = ["person"], source = "people" },\n'
    '  { columns = ["item", "lot"], source = "items" }]',
    "items": 'key = ["code", "lot"]\nsample = "follow"\n'
    'references = [{ columns = ["parent", "parent_lot"], source = "items" }]',
    "days": 'key = ["day", "factor", "late"]',
}
Everywhere = Callable[..., None]


@pytest.fixture(scope="module")
def made(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A database with the tables, and a folder with the same as files; nobody is connected to it, and nobody writes."""
    folder = tmp_path_factory.mktemp("made")
    with database(postgres_server) as address:
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("SET TIME ZONE 'America/New_York'")
            for statement in TABLES.values():
                connection.execute(statement)
            connection.execute("ALTER TABLE people ADD PRIMARY KEY (id)")
        reading, con = Reading(address), duckdb.connect()
        for name in TABLES:
            at = At(address, "public", name)
            columns = list(reading.columns(at).values())
            con.execute(f"CREATE TABLE {name} ({', '.join(f'{each.name} {each.duckdb}' for each in columns)})")
            reading.pull(con, f"SELECT {', '.join(each.pulled for each in columns)} FROM {at.relation} s", columns, name)
            con.execute(f"COPY {name} TO '{folder}/{name}.parquet'")
        reading.close()
        con.close()
        yield address.rpartition("/")[2], folder


@pytest.fixture
def postgres(postgres_server: str, made: tuple[str, Path]) -> Iterator[str]:
    """The address of a database of its own with the tables."""
    with database(postgres_server, made[0]) as address:
        yield address


@pytest.fixture
def everywhere(empty: Place, postgres: str, made: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> Everywhere:
    """Tables in the server and in files; ``declare`` says which sources are read where."""
    monkeypatch.setenv("WORKBENCH_MASK_KEY", "a key of at least sixteen bytes")
    monkeypatch.setenv("SHOP_DB", postgres)
    for name in TABLES:
        shutil.copy(made[1] / f"{name}.parquet", empty.root / "raw")

    def declare(*there: str, keys: dict[str, str] = KEYS) -> None:
        empty.settings(
            "\n".join(
                f"[tool.workbench.sources.{name}]\n"
                f'read = "{f"env:SHOP_DB#{name}" if name in there else f"raw/{name}.parquet"}"\n{setting}\n'
                for name, setting in keys.items()
            )
        )

    return declare


def content(place: Place, info: SandboxInfo) -> dict[str, list[tuple[Any, ...]]]:
    return {
        f"{schema}.{name}": place.query(info, f"SELECT rowid, COLUMNS(*)::VARCHAR FROM {schema}.{name} ORDER BY rowid")
        for name in info.tables
        for schema in ("main", "workbench_rows")
    }


@pytest.mark.parametrize(
    ("sample", "options"),
    [
        ("5%", {}),
        pytest.param("30%", {"anchors": ("visits",)}, marks=pytest.mark.drill),
        ("10%", {"anchors": ("items", "people")}),
        ("10%", {"where": "region > 2 OR born < DATE '1905-01-01'"}),
        ("1%", {"strata": ("region",), "floor": 4}),
        pytest.param("100%", {}, marks=pytest.mark.drill),
    ],
    ids=str,
)
def test_the_same_sandbox_from_files_and_from_a_server(
    empty: Place, everywhere: Everywhere, sample: str, options: dict[str, Any]
) -> None:
    made = []
    for there in ((), tuple(TABLES), ("people", "items"), ("visits",)):
        everywhere(*there)
        made.append(empty.make(sample, **options))
    first = content(empty, made[0])
    assert sum(map(len, first.values())) > 200
    for info in made[1:]:
        assert content(empty, info) == first
        assert {name: (table.rows, table.core, table.orphans) for name, table in info.tables.items()} == {
            name: (table.rows, table.core, table.orphans) for name, table in made[0].tables.items()
        }


def test_undecided_names_and_values_of_a_server_are_told_at_once(empty: Place, everywhere: Everywhere, postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("ALTER TABLE items ADD note text DEFAULT 'a@example.org'")
    everywhere(*TABLES, keys=KEYS | {"people": 'key = ["id"]'})
    with pytest.raises(GuardRefused, match=r"people\.name: its name (.|\n)*items\.note: 352 of its values look like"):
        empty.make()


def test_the_estimate_counts_on_the_server_what_a_condition_leaves(empty: Place, everywhere: Everywhere) -> None:
    everywhere(*TABLES)
    shown: list[creation.Estimate] = []

    def ask(where: str) -> dict[str, tuple[int, int]]:
        creation.create(empty.workspace, Request("100%", where=where, seed=len(shown)), show=shown.append)
        return shown[-1].left

    assert ask("region = 2 AND born < DATE '1905-01-01'") == {"people": (22, 1000)}
    # What the server can't be asked counts as all, and what was asked before and after is of the same moment.
    assert ask("list_contains([1, 2], region) AND id < 5 AND regexp_full_match(name, '.*')") == {}
    assert shown[0].rows["people"] == 22
    assert shown[1].rows["people"] == 1000
    # References of a table to itself are followed on the server's rows as on those of files.
    creation.create(empty.workspace, Request("10%", anchors=("items",)), show=shown.append)
    everywhere()
    creation.create(empty.workspace, Request("10%", anchors=("items",)), show=shown.append)
    assert shown[-1].rows["items"] == shown[-2].rows["items"] > 60


def test_only_rows_that_the_sample_needs_are_fetched(
    empty: Place, everywhere: Everywhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    everywhere(*TABLES)
    fetched: dict[str, int] = {}
    writing = creation.Writing

    def looked(sampling: Any, *rest: Any) -> Any:
        for name in TABLES:
            fetched[name] = sampling.production.con.execute(f"SELECT count(*) FROM remote.{name}").fetchone()[0]
        return writing(sampling, *rest)

    monkeypatch.setattr(creation, "Writing", looked)
    info = empty.make("5%")
    assert fetched["people"] == info.tables["people"].rows < 100
    assert info.tables["visits"].rows <= fetched["visits"] < 1200
    assert fetched["items"] == info.tables["items"].rows


def test_tables_that_rows_can_not_be_chosen_in_are_fetched_whole(empty: Place, everywhere: Everywhere, postgres: str) -> None:
    everywhere()
    expected = content(empty, empty.make("10%"))
    with psycopg.connect(postgres, autocommit=True) as connection:
        for name in TABLES:
            connection.execute(f"ALTER TABLE {name} RENAME TO hidden_{name}; CREATE VIEW {name} AS SELECT * FROM hidden_{name}")
    everywhere(*TABLES)
    assert content(empty, empty.make("10%")) == expected


def rounded(value: Any) -> Any:
    """Sums of fractions differ in their last digit with the order of the rows, which no engine promises."""
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, (list, tuple)):
        return [rounded(each) for each in value]
    return value


def test_a_parity_report_reads_the_server(empty: Place, everywhere: Everywhere) -> None:
    reports = []
    for there in ((), tuple(TABLES)):
        everywhere(*there)
        info = empty.make("20%")
        report = judge(empty.workspace, info, 0.05)
        reports.append(rounded([*map(astuple, (*report.columns, *report.fan_outs, *report.figures)), *report.notes]))
    assert reports[0] == reports[1]


def test_what_is_written_meanwhile_is_not_seen(empty: Place, everywhere: Everywhere, postgres: str) -> None:
    everywhere(*TABLES)
    calm = content(empty, empty.make("20%"))
    registry.gc(empty.workspace, everything=True)

    def disturb(step: str) -> None:
        if step == "following visits to people":
            with psycopg.connect(postgres, autocommit=True) as connection:
                connection.execute("UPDATE visits SET paid = 7; DELETE FROM people WHERE id % 2 = 0")

    info = create(empty.workspace, Request(sample="20%", who="ada"), tell=disturb)
    assert content(empty, info) == calm


def test_the_state_of_the_server_names_the_sandbox(empty: Place, everywhere: Everywhere, postgres: str) -> None:
    everywhere(*TABLES)
    first = empty.make("5%")
    assert empty.make("5%").id == first.id
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("UPDATE days SET late = NOT late WHERE day = '1970-01-01'")
    again = empty.make("5%")
    assert again.id != first.id
    assert {name for name in TABLES if again.snapshot[name] != first.snapshot[name]} == {"days"}


def test_a_key_that_is_not_unique_is_refused_saying_how_often(empty: Place, everywhere: Everywhere, postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO days SELECT * FROM days WHERE day < '1970-01-03';"
            "INSERT INTO days SELECT * FROM days WHERE day = '1970-01-01'"
        )
    everywhere("days")
    with pytest.raises(ConfigError, match=r"days\.key: .* is not unique: 2 values are on 6 rows"):
        empty.make()


def test_a_server_that_is_gone_leaves_nothing(empty: Place, everywhere: Everywhere, monkeypatch: pytest.MonkeyPatch) -> None:
    everywhere("days")
    monkeypatch.setenv("SHOP_DB", f"postgresql://ada:{secrets.token_hex(8)}@127.0.0.1:1/shop")
    with pytest.raises(InfrastructureError, match="env:SHOP_DB can't be read") as caught:
        empty.make()
    assert caught.value.exit_code == 5
    assert empty.files() == []


def test_a_table_that_vanished_is_named(empty: Place, everywhere: Everywhere, postgres: str) -> None:
    everywhere("days")
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP TABLE days")
    with pytest.raises(UsageError, match=r"env:SHOP_DB has no table public\.days"):
        empty.make()
    assert empty.files() == []


def test_no_credential_reaches_a_file(
    empty: Place, everywhere: Everywhere, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(
            "DROP ROLE IF EXISTS carol; CREATE ROLE carol LOGIN PASSWORD 'canary-7c1'; GRANT SELECT ON days TO carol"
        )
    monkeypatch.setenv("SHOP_DB", postgres.replace("postgres@", "carol:canary-7c1@"))
    everywhere("days", keys={"days": KEYS["days"]})
    try:
        assert empty.make("50%").tables["days"].rows > 1000
    finally:
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute("DROP OWNED BY carol; DROP ROLE carol")
    assert not [file for file in empty.root.rglob("*") if file.is_file() and b"canary-7c1" in file.read_bytes()]


def test_what_the_server_promises_is_not_counted(postgres: str) -> None:
    bound = 'FOREIGN KEY (y, x) REFERENCES parent ("B", a)'
    with psycopg.connect(postgres, autocommit=True) as server:
        server.execute('CREATE TABLE parent (a int, "B" int, c int, PRIMARY KEY (a, "B"))')
        server.execute(f"CREATE TABLE child (x int, y int, z int UNIQUE DEFERRABLE, {bound})")
        server.execute("CREATE UNIQUE INDEX ON child (x) WHERE x > 0")
        server.execute(f"CREATE TABLE loose (x int, y int, {bound} DEFERRABLE)")
        server.execute('ALTER TABLE loose ADD FOREIGN KEY (x, y) REFERENCES parent (a, "B") NOT VALID')
        server.execute(f"CREATE TABLE elder (x int PRIMARY KEY, y int, {bound})")
        server.execute("CREATE TABLE heir () INHERITS (elder)")
    reading = Reading(postgres)
    try:
        with duckdb.connect() as con:
            names = ("parent", "child", "loose", "elder")
            parent, child, loose, elder = (Remote.open(name, At(postgres, "public", name), reading, con) for name in names)
            assert parent.is_unique(["B", "a"])
            assert parent.is_unique(["a", "B", "c"])
            assert not parent.is_unique(["a"])
            assert not child.is_unique(["z"])
            assert not child.is_unique(["x"])
            assert not elder.is_unique(["x"])  # rows of its heir are not bound
            assert child.is_complete(["x", "y"], parent, ["a", "B"])
            assert not child.is_complete(["x", "y"], parent, ["B", "a"])
            assert not child.is_complete(["x"], parent, ["a"])
            assert not loose.is_complete(["x", "y"], parent, ["a", "B"])
            assert not elder.is_complete(["x", "y"], parent, ["a", "B"])
    finally:
        reading.close()
