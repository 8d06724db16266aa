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
    newest = shop.run("sandbox", "ls", "--json").json["sandboxes"][0]["id"]
    assert shop.run("sandbox", "gc", newest[:6], newest).out == f"removed {newest}\n"
    assert shop.run("sandbox", "gc", newest, "--all").code == shop.run("sandbox", "gc", newest).code == 2
    assert shop.run("sandbox", "gc", "--all", "--json").json["removed"] == [first]
    assert shop.run("sandbox", "ls", "--json").json["sandboxes"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--sample", "0%"], 2, "'0%' is not a share above 0% and up to 100%"),
        (["--sample", "200%"], 2, "'200%' is not a share above 0% and up to 100%"),
        (["--anchor", "ordrs"], 2, "did you mean 'orders'"),
        (["--ttl", "soon"], 2, "'soon' is not a duration"),
        (["--ttl", "0d"], 2, "'0d' is no time that a sandbox can live"),
        (["--ttl", "99999999999d"], 2, "'99999999999d' is no time that a sandbox can live"),
        (["--strata", "region"], 2, "--strata needs a --floor of at least 1"),
        (["--strata", "shape", "--floor", "5"], 2, "--strata shape: no anchor has that column; the anchors are orders"),
        (["--floor", "-1"], 2, "-1 is not in the range x>=0"),
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


def test_the_same_sandbox_again_says_what_notebooks_read(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_MASK_KEY", "a key of at least sixteen bytes")
    half, all_ = ["--sample", "50%"], ["--sample", "100%"]
    first = shop.run("sandbox", "create", *half, "--json").json["id"]
    assert shop.run("sandbox", "create", *half).err.splitlines()[-2:] == [
        f"{first} was there already, made of the same data; it only lives longer",
        "next: workbench edit notebooks/sales.py",
    ]
    second = shop.run("sandbox", "create", *all_)
    assert "notebooks still read" not in second.err
    newest = next(each["id"] for each in shop.run("sandbox", "ls", "--json").json["sandboxes"] if each["active"])
    assert newest != first
    again = shop.run("sandbox", "create", *half).err.splitlines()
    assert again[-2:] == [
        f"{first} was there already, made of the same data; it only lives longer",
        f"notebooks still read {newest}; next: workbench sandbox use {first}",
    ]
    shop.run("sandbox", "use", first)
    assert "notebooks still read" not in shop.run("sandbox", "create", *half).err
    assert shop.run("sandbox", "create", *all_).err.splitlines()[-1] == (
        f"notebooks still read {first}; next: workbench sandbox use {newest}"
    )


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
