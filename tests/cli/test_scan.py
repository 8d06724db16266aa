from __future__ import annotations

from tests.conftest import Shop
from tests.test_docs import hold


def test_a_scan_of_a_sandbox_is_clean_and_one_of_production_is_not(sandboxed: Shop) -> None:
    ran = sandboxed.run("scan", "--pii")
    assert (ran.code, "no value of 2 tables looks personal" in ran.out) == (0, True)
    (sandboxed.root / "raw" / "mail.csv").write_text("id,note\n1,write to ada@example.org\n2,nothing\n")
    ran = sandboxed.run("scan", "raw/mail.csv")
    assert ran.code == 1
    assert "mail.note" in ran.out
    assert "50.0%" in ran.out
    assert "next:" in ran.err
    ran = sandboxed.run("scan", "raw/mail.csv", "--json")
    hold("scan", ran)
    assert (ran.code, ran.json["clean"]) == (1, False)


def test_rows_that_are_alike_are_counted_where_asked(sandboxed: Shop) -> None:
    ran = sandboxed.run("scan", "--quasi", "region", "--k", "6")
    assert "customers by region: 2 classes, the smallest of 4 rows; 9 rows (100.0%) are in classes below 6" in ran.out
    hold("scan", sandboxed.run("scan", "--quasi", "region", "--json"))
    assert sandboxed.run("scan", "--quasi", "nothing").code == 2
    assert sandboxed.run("scan", "--k", "1").code == 2


def test_declared_columns_are_counted_when_a_sandbox_is_made(shop: Shop) -> None:
    settings = shop.root / "pyproject.toml"
    settings.write_text(settings.read_text() + 'quasi_identifiers = ["region"]\n')
    ran = shop.run("sandbox", "create", "--sample", "100%")
    assert "customers by region: 2 classes" in ran.out
    ran = shop.run("sandbox", "create", "--sample", "100%", "--json")
    hold("sandbox-create", ran)
    assert ran.json["anonymity"][0]["smallest"] == 4
    hold("sandbox-parity", shop.run("sandbox", "parity", "--json"))
    assert "customers by region" in shop.run("sandbox", "parity").out


def test_without_a_sandbox_it_says_how_to_make_one(shop: Shop) -> None:
    ran = shop.run("scan")
    assert ran.code == 2
    assert "workbench sandbox create" in ran.err
