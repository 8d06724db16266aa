"""The dictionary of sources and pipelines, what it remembers, and the command that searches it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.conftest import Shop
from workbench.catalog.dictionary import Described, Entry, dictionary
from workbench.catalog.search import nearest, search, words_of
from workbench.config import find_workspace

ENTRIES = (
    Entry("orders", "source", "what people bought", "shop@example.org", (Described("amount", unit="EUR"),)),
    Entry("revenue", "pipeline", "orders and their amounts", "ann@example.org", (Described("total", doc="sum of amounts"),)),
    Entry("old_orders", "pipeline", columns=(Described("note", doc="as typed"),)),
)


def found(*words: str) -> list[str]:
    return [hit.entry.name for hit in search(ENTRIES, words_of(words))]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["orders"], ["orders", "old_orders", "revenue"]),  # is the name, within the name, in what is said
        (["amount"], ["orders", "revenue"]),  # the name of a column goes before what is said
        (["AMOUNT", "ann"], ["revenue"]),  # every word has to be somewhere
        (["orders.amount"], ["orders", "revenue"]),
        (["eur"], ["orders"]),
        (["nobody"], []),
        ([], ["old_orders", "orders", "revenue"]),
    ],
)
def test_names_are_found_before_what_is_said(words: list[str], names: list[str]) -> None:
    assert found(*words) == names


def test_a_hit_names_the_columns_by_which_it_was_found() -> None:
    (first, second) = search(ENTRIES, ("amount",))
    assert [column.name for column in first.columns] == ["amount"]
    assert [column.name for column in second.columns] == ["total"]


def test_the_nearest_names_are_offered_for_a_word_that_is_nowhere() -> None:
    assert nearest(ENTRIES, ("ordres",)) == ("orders", "old_orders")
    assert nearest(ENTRIES, ("amuont",)) == ("amount",)


def test_the_catalog_knows_sources_and_pipelines_alike(published: Shop) -> None:
    tables = {each["name"]: each for each in published.run("catalog", "--json").json["tables"]}
    assert list(tables) == ["customers", "daily_sales", "orders", "region_totals"]
    sales, orders = tables["daily_sales"], tables["orders"]
    assert (sales["kind"], sales["live"], sales["versions"], sales["owner"]) == ("pipeline", 1, [1], "ada@example.org")
    assert (sales["reads"], sales["readers"], sales["stale"]) == (["customers", "orders"], ["region_totals"], False)
    assert sales["up_to_date"].endswith("Z")
    revenue = next(each for each in sales["columns"] if each["name"] == "revenue")
    assert revenue == {
        "name": "revenue",
        "type": "float64",
        "doc": "EUR",
        "unit": "",
        "classification": "",
        "key": False,
        "readers": ["region_totals"],
    }
    assert (orders["kind"], orders["live"], orders["readers"]) == ("source", None, ["daily_sales"])
    columns = {each["name"]: each for each in orders["columns"]}
    assert list(columns) == ["order_id", "customer_id", "day", "amount"]  # as the sandbox saw them
    assert columns["customer_id"]["classification"] == "personal"
    assert columns["amount"]["readers"] == ["daily_sales"]


def test_a_table_that_is_named_in_full_is_shown_whole(published: Shop) -> None:
    shown = published.run("catalog", "daily_sales").out
    assert "Orders and revenue per day and region." in shown
    assert "read by     region_totals" in shown
    assert "nobody" not in shown


def test_what_is_not_found_is_no_failure_and_offers_names(published: Shop) -> None:
    ran = published.run("catalog", "custmers")
    assert (ran.code, ran.out) == (0, "nothing found; the nearest names are customers, customer_id; next: workbench catalog\n")
    assert published.run("catalog", "custmers", "--json").json["near"] == ["customers", "customer_id"]


def test_what_is_waiting_is_known_but_reads_nothing_yet(waiting: Shop) -> None:
    tables = {each["name"]: each for each in waiting.run("catalog", "--json").json["tables"]}
    assert tables["daily_sales"]["live"] is None
    assert tables["daily_sales"]["version"] == 1
    assert tables["orders"]["readers"] == []


def test_limits_say_how_many_more_there_are(published: Shop) -> None:
    assert "and 3 more" in published.run("catalog", "--limit", "1").out
    document = published.run("catalog", "--limit", "1", "--json").json
    assert (document["found"], len(document["tables"])) == (4, 1)


def test_markup_in_what_is_said_is_shown_as_it_is(shop: Shop) -> None:
    settings = shop.root / "pyproject.toml"
    settings.write_text(settings.read_text().replace('mask = { name = "redact" }', 'doc = "[red]who buys[/red]"'))
    assert "[red]who buys[/red]" in shop.run("catalog").out
    assert "[red]who buys[/red]" in shop.run("catalog", "customers").out


def kept(shop: Shop) -> Path:
    return shop.root / ".workbench" / "catalog" / "versions.json"


@pytest.mark.parametrize("broken", [b"", b"\xff\xfe", b"{}", b"00000000\n[]", b"not the sum\n{}"])
def test_a_broken_memory_is_made_anew(published: Shop, broken: bytes) -> None:
    before = published.run("catalog", "--json").json
    whole = kept(published).read_bytes()
    kept(published).write_bytes(broken or whole[:-20])
    assert published.run("catalog", "--json").json == before
    assert kept(published).read_bytes() == whole


def test_what_changed_is_read_again_and_nothing_else(published: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = find_workspace()
    dictionary(workspace)
    before = kept(published).stat().st_mtime_ns
    parsed: list[str] = []
    monkeypatch.setattr("workbench.catalog.dictionary.from_yaml", lambda text, where: parsed.append(where))
    dictionary(workspace)
    assert parsed == []
    assert kept(published).stat().st_mtime_ns == before
    owner = workspace.promoted / "daily_sales" / "pipeline.toml"
    owner.write_text(owner.read_text().replace("ada@example.org", "bo@example.org and others"))
    assert {each.name: each.owner for each in dictionary(workspace)}["daily_sales"] == "bo@example.org and others"
    assert parsed == []


def test_what_does_not_parse_keeps_nobody_from_the_rest(published: Shop) -> None:
    (published.root / "promoted" / "region_totals" / "v1" / "contract.yaml").write_text("a: [")
    (published.root / "promoted" / "daily_sales" / "pipeline.toml").write_text('freshness = "soon"\nowner = 3')
    (published.root / "promoted" / "daily_sales" / "v1" / "manifest.json").write_text(json.dumps({"lineage": 1}))
    tables = {each["name"]: each for each in published.run("catalog", "--json").json["tables"]}
    assert list(tables) == ["customers", "daily_sales", "orders"]
    assert tables["daily_sales"]["owner"] == ""


def test_a_workspace_that_can_not_be_written_to_is_searched_all_the_same(published: Shop) -> None:
    blocked = published.root / ".workbench" / "catalog"
    blocked.write_text("a file where the folder would be")
    assert published.run("catalog", "daily").code == 0
    assert os.path.isfile(blocked)


def test_old_data_is_called_stale(published: Shop) -> None:
    settings = published.root / "promoted" / "daily_sales" / "pipeline.toml"
    settings.write_text('owner = "ada@example.org"\nfreshness = "0s"\n')
    tables = {each["name"]: each for each in published.run("catalog", "--json").json["tables"]}
    assert tables["daily_sales"]["stale"]
    assert not tables["region_totals"]["stale"]
    assert "stale" in published.run("catalog").out
