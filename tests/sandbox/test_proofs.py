"""What was proved of production is not proved again while its rows are the same, and is of no use once they are others."""

from __future__ import annotations

import json
import os

import duckdb
import pytest

from tests.sandbox.conftest import Place
from workbench.errors import ConfigError
from workbench.sandbox.create import Request, create
from workbench.sandbox.proofs import NAME


def steps(place: Place, sample: str) -> list[str]:
    """What a creation says it does; the references that it followed by reading rows are those that it counted off."""
    told: list[str] = []
    create(place.workspace, Request(sample, 7, anchors=("customers",)), tell=told.append)
    return told


@pytest.fixture
def settled(place: Place) -> Place:
    """Files that did not change just now."""
    for file in (place.root / "raw").iterdir():
        os.utime(file, (0, 1_500_000_000))
    return place


def test_the_same_rows_are_proved_once(settled: Place) -> None:
    place = settled
    steps(place, "5%")
    file = place.workspace.state / NAME
    kept = json.loads(file.read_text())
    keys = 5
    whole = {3000 * 4 // 5, 60000}  # parts of products that have one, and lines: to orders, to products, to stores
    assert len(kept) == keys + 4
    assert set(kept.values()) == {1} | whole
    before = file.stat().st_mtime_ns
    first = place.make("5%", anchors=("customers",))
    assert file.stat().st_mtime_ns == before
    file.unlink()
    again = place.make("5%", anchors=("customers",))
    assert first.tables == again.tables
    assert json.loads(file.read_text()) == kept


def test_other_rows_are_proved_again(settled: Place) -> None:
    place = settled
    steps(place, "5%")
    place.table("lines", f"SELECT * FROM '{place.root}/raw/lines.parquet' UNION ALL SELECT 1, 1, 1, 1, 1.5")
    with pytest.raises(ConfigError, match="is not unique: 1 values are on 2 rows"):
        steps(place, "5%")
    place.table(
        "lines", "SELECT o AS order_id, 0 AS number, 7 AS product, 77::INTEGER AS store, 0.5 AS price FROM range(20000) a(o)"
    )
    info = place.make("5%", anchors=("customers",))
    lost = {each.source: each.production for each in info.tables["lines"].orphans}
    assert lost == {"orders": 0, "products": 0, "stores": 20000}


def test_tables_of_one_file_have_proofs_of_their_own(empty: Place) -> None:
    with duckdb.connect(str(empty.root / "raw" / "shop.duckdb")) as con:
        con.execute("CREATE TABLE a AS SELECT i AS id FROM range(50) r(i)")
        con.execute("CREATE TABLE b AS SELECT i // 2 AS id FROM range(50) r(i)")
    declared = '[tool.workbench.sources.{0}]\nread = "duckdb:raw/shop.duckdb#{0}"\nkey = ["id"]\nsample = "whole"\n'
    empty.settings(declared.format("a"))
    empty.make()
    empty.settings(declared.format("a") + declared.format("b"))
    with pytest.raises(ConfigError, match=r"b\.key: .*is not unique: 25 values are on 50 rows"):
        empty.make()


def test_a_damaged_file_of_proofs_proves_nothing(settled: Place) -> None:
    place = settled
    steps(place, "5%")
    file = place.workspace.state / NAME
    kept = json.loads(file.read_text())
    for text in ("", "[]", '{"x": "y"}', '{"a": null}', "null"):
        file.write_text(text)
        assert "writing lines" in steps(place, "5%")
        assert kept.items() <= json.loads(file.read_text()).items()
