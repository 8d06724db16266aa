"""Personal values are found by their patterns wherever they stand; a sandbox has none. Rows alike are counted."""

from __future__ import annotations

from pathlib import Path

import duckdb
import psycopg
import pytest

from tests.sandbox.conftest import Place
from workbench.errors import ConfigError, UnknownName, UsageError
from workbench.sandbox.parity import judge
from workbench.sandbox.scan import anonymity, sandbox_anonymity, scan


def test_production_has_them_and_the_sandbox_has_none(place: Place) -> None:
    info = place.make("20%")
    found = scan(place.workspace, "customers")
    assert [(each.column, each.looks, each.hits, each.share) for each in found.hits] == [
        ("email", "an e-mail address", 4000, 1.0)
    ]
    assert not found.clean
    assert scan(place.workspace, None).hits == scan(place.workspace, info.id[:6]).hits == ()
    assert scan(place.workspace, None).tables == ("customers", "lines", "orders", "products", "stores")


def test_a_share_says_how_many_of_the_values_are(place: Place) -> None:
    values = "CASE WHEN i < 2 THEN 'tel. +49 30 1234567' WHEN i < 3 THEN 'a@b.org' END"
    place.table("stores", f"SELECT i::INTEGER AS id, {values} AS city FROM range(6) r(i)")
    hit = scan(place.workspace, "raw/stores.parquet").hits[0]
    assert (hit.looks, hit.hits, hit.values) == ("an e-mail address", 1, 3)


def test_what_somebody_decided_to_keep_is_shown_and_is_no_finding(place: Place) -> None:
    place.change('email = "token"', 'email = "keep"')
    place.make()
    found = scan(place.workspace, None)
    assert [(each.column, each.kept) for each in found.hits] == [("email", True)]
    assert found.clean


@pytest.mark.parametrize(
    "value",
    ["['x', 'p' || i || '@example.org']", "{'to': 'p' || i || '@example.org'}", "MAP {'a': 'p' || i || '@example.org'}"],
)
def test_values_within_lists_and_structs_are_found(place: Place, value: str) -> None:
    place.table("stores", f"SELECT i::INTEGER AS id, {value} AS city FROM range(6) r(i)")
    assert [each.column for each in scan(place.workspace, "stores").hits] == ["city"]


def test_files_folders_and_databases_can_be_scanned(place: Place, postgres: str) -> None:
    with duckdb.connect(str(place.root / "x.duckdb")) as con:
        con.execute("CREATE TABLE a AS SELECT 'DE44 5001 0517 5407 3249 31' AS note, 1 AS x")
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE TABLE b AS SELECT 'my number is 123-45-6789, ok' AS note")
    assert [(each.table, each.looks) for each in scan(place.workspace, "x.duckdb").hits] == [("a", "an IBAN")]
    assert [(each.table, each.looks) for each in scan(place.workspace, postgres).hits] == [("b", "a social security number")]
    assert {each.table for each in scan(place.workspace, "raw").hits} == {"customers"}
    with pytest.raises(UnknownName, match="no sandbox, source or file 'custmers'; did you mean 'customers'"):
        scan(place.workspace, "custmers")


def test_classes_of_rows_that_are_alike_are_counted_by_one_query() -> None:
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE p AS SELECT * FROM (VALUES (1, 'a'), (1, 'a'), (1, 'a'), (2, 'b'), (NULL, 'b'), (NULL, 'b')) t(z, y)"
        )
        asked: list[str] = []

        def ask(query: str) -> list[tuple[object, ...]]:
            asked.append(query)
            return con.execute(query).fetchall()

        found = anonymity(ask, "p", "p", ("z", "y"), 3)
    assert (found.rows, found.classes, found.smallest, found.rows_below, found.share_below) == (6, 3, 1, 3, 0.5)
    assert len(asked) == 1


def test_the_sandbox_is_counted_as_it_is_masked(place: Place) -> None:
    place.change('key = ["id"]\nmask = { id', 'key = ["id"]\nquasi_identifiers = ["born", "region"]\nmask = { id')
    info = place.make("50%", anchors=("customers",))
    (found,) = sandbox_anonymity(info, place.workspace.settings.sources)
    assert found.columns == ("born", "region")
    # Birthdays are cut to years there, so more rows are alike than in production.
    assert found.smallest > 1
    (clear,) = scan(place.workspace, "customers").anonymity
    assert clear.smallest == 1
    assert judge(place.workspace, info, 0.05).anonymity == (found,)
    assert scan(place.workspace, None, ("region",)).anonymity[0].classes == 4


def test_columns_that_are_not_there_are_refused(place: Place) -> None:
    place.make()
    for quasi in (("zip",), ("region", "price")):
        with pytest.raises(UsageError, match="no table has"):
            scan(place.workspace, None, quasi)
    place.change('key = ["id"]\nmask = { id', 'key = ["id"]\nquasi_identifiers = ["brn"]\nmask = { id')
    with pytest.raises(
        ConfigError, match=r"customers\.quasi_identifiers: source customers has no column 'brn'; did you mean 'born'"
    ):
        place.make()


def test_a_scan_writes_nothing(place: Place) -> None:
    place.make()
    before = {path: path.stat().st_mtime_ns for path in Path(place.root).rglob("*") if path.is_file()}
    scan(place.workspace, None)
    scan(place.workspace, "customers")
    assert {path: path.stat().st_mtime_ns for path in Path(place.root).rglob("*") if path.is_file()} == before
