from __future__ import annotations

import json

import pytest

from tests.conftest import Shop
from tests.test_docs import hold


def test_a_creation_shows_what_was_taken_masked_and_where_it_is(shop: Shop) -> None:
    ran = shop.run("sandbox", "create", "--sample", "50%", "--seed", "7")
    assert ran.code == 0
    assert "reads 69 rows" in ran.err
    for text in (
        "orders",
        "customer_id: token",
        "customers",
        "whole",
        "name: redact",
        "6 rows of orders refer by customer_id to rows that customers lacks",
        ".duckdb",
        "UTC",
    ):
        assert text in ran.out


def test_json_gives_the_path(shop: Shop) -> None:
    import duckdb

    made = shop.run("sandbox", "create", "--sample", "100%", "--json").json
    assert made["schema_version"] == 1
    assert made["active"] is True
    assert made["tables"]["orders"]["orphans"] == [
        {"columns": ["customer_id"], "source": "customers", "production": 6, "sandbox": 6, "nulls": 0}
    ]
    with duckdb.connect(made["path"], read_only=True) as con:
        assert con.execute("SELECT count(*) FROM orders").fetchone() == (60,)
    listed = shop.run("sandbox", "ls", "--json").json["sandboxes"]
    assert [each["path"] for each in listed] == [made["path"]]


def test_the_life_of_a_sandbox(shop: Shop) -> None:
    assert "workbench sandbox create" in shop.run("sandbox", "ls").out
    first = shop.run("sandbox", "create", "--sample", "50%", "--json").json["id"]
    second = shop.run("sandbox", "create", "--sample", "50%", "--json").json["id"]
    assert shop.run("sandbox", "use", first).out == f"notebooks read {first}\n"
    assert first in shop.run("sandbox", "ls").out
    assert json.loads(shop.run("sandbox", "use", "--newest", "--json").out)["active"] in (first, second)
    assert shop.run("sandbox", "reset", second).code == 0
    assert shop.run("sandbox", "gc").out == "nothing to remove\n"
    assert len(shop.run("sandbox", "gc", "--all", "--json").json["removed"]) == 2
    assert shop.run("sandbox", "ls", "--json").json["sandboxes"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--sample", "0%"], 2, "not a share"),
        (["--anchor", "ordrs"], 2, "did you mean 'orders'"),
        (["--ttl", "soon"], 2, "not a duration"),
        (["--max-rows", "3"], 4, "above the cap of 3"),
        (["--where", "nonsense >"], 2, "--where"),
        (["--bogus"], 2, "No such option"),
    ],
)
def test_bad_input_is_refused_with_the_next_command(shop: Shop, arguments: list[str], code: int, message: str) -> None:
    ran = shop.run("sandbox", "create", "--sample", "50%", *arguments)
    assert ran.code == code
    assert message in ran.err
    assert "next:" in ran.err
    assert shop.run("sandbox", "ls", "--json").json["sandboxes"] == []


def test_an_undecided_column_exits_4_with_the_line_to_add(shop: Shop) -> None:
    settings = (shop.root / "pyproject.toml").read_text()
    (shop.root / "pyproject.toml").write_text(settings.replace('mask = { name = "redact" }', ""))
    ran = shop.run("sandbox", "create")
    assert ran.code == 4
    assert 'mask = { name = "redact" }' in ran.err


def test_commands_on_nothing_say_what_to_do(shop: Shop) -> None:
    for arguments in (["use", "nope"], ["use"], ["reset"], ["reset", "nope"]):
        ran = shop.run("sandbox", *arguments)
        assert ran.code == 2
        assert "next: workbench sandbox" in ran.err


def test_a_refresh_copies_what_no_change_reaches(sandboxed: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_MASK_KEY", "a key of at least sixteen bytes")
    first = sandboxed.run("sandbox", "create", "--sample", "100%", "--json").json["id"]
    ran = sandboxed.run("sandbox", "refresh", first)
    assert (ran.code, "production is as it was" in ran.err) == (0, True)
    file = sandboxed.root / "raw" / "customers.csv"
    file.write_text(file.read_text() + "c9,Customer 9,north\n")
    ran = sandboxed.run("sandbox", "refresh", first, "--json")
    hold("sandbox-refresh", ran)
    assert (ran.json["copied"], ran.json["replaced"]) == (["orders"], first)
    assert ran.json["tables"]["orders"]["orphans"][0]["sandbox"] == 0
    ran = sandboxed.run("sandbox", "refresh", first)
    assert (ran.code, "next: workbench sandbox ls" in ran.err) == (2, True)
    sandboxed.run("sandbox", "gc", "--all")
    assert "workbench sandbox create" in sandboxed.run("sandbox", "refresh").err
