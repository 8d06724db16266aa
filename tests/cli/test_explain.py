"""workbench explain: what readers saw, where it came from, and what it became."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import duckdb
import pytest

from tests.test_docs import hold

NORTH = "day=2024-01-02,region=north"


def moment() -> str:
    """Now, apart from whatever happens before and after."""
    time.sleep(0.005)
    now = dt.datetime.now(dt.UTC).isoformat()
    time.sleep(0.005)
    return now


def explained(shop: Any, *arguments: str, code: int = 0) -> Any:
    ran = shop.run("explain", "daily_sales", *arguments, "--json")
    assert ran.code == code, ran.err
    hold("explain" if code == 0 else "error", ran)
    return ran.json


def seen(shop: Any) -> dict[str, Any]:
    with duckdb.connect(str(shop.root / "warehouse" / "current.duckdb"), read_only=True) as con:
        query = "SELECT orders, revenue FROM daily_sales WHERE day = DATE '2024-01-02' AND region = 'north'"
        ((orders, revenue),) = con.execute(query).fetchall()
    return {"orders": orders, "revenue": revenue}


def test_the_past_is_told_with_its_origin_and_what_it_became(two_versions: Any) -> None:
    shop = two_versions
    first, before = seen(shop), moment()
    assert shop.run("publish", "P-2").code == 0
    second, middle = seen(shop), moment()
    assert shop.run("run", "daily_sales", "-p", "min_amount=40", "--interval", "2024-01-02..2024-01-03").code == 0
    third, between = seen(shop), moment()
    assert shop.run("run", "daily_sales", "-p", "min_amount=35", "--interval", "2024-01-03..2024-01-04").code == 0
    assert shop.run("rollback", "daily_sales").code == 0
    assert len({str(each) for each in (first, second, third)}) == 3
    assert seen(shop) == first

    found = explained(shop, "--key", NORTH, "--as-of", before)
    assert [{name: row[name] for name in first} for row in found["rows"]] == [first]
    origin = found["origin"]
    assert (origin["version"], origin["run"], origin["trial"], origin["approved_by"]) == (1, None, "P-1", "ada@example.org")
    assert origin["parameters"] == {"min_amount": 10}
    assert {each["name"]: len(each["state"]) for each in origin["inputs"]} == {"orders": 64, "customers": 64}
    assert (len(origin["code_sha256"]), origin["promoted_why"]) == (64, "because")
    told = [(e["kind"], e["origin"]["version"], e["origin"]["run"], e["rows"][0]["revenue"]) for e in found["restatements"]]
    assert told == [
        ("publish", 2, None, second["revenue"]),
        ("run", 2, "R-1", third["revenue"]),
        ("rollback", 1, None, first["revenue"]),
    ], "the run of another day restated nothing"
    assert found["restatements"][-1]["origin"]["trial"] == "P-1", "a rollback shows again what a trial had computed"

    found = explained(shop, "--key", NORTH, "--as-of", between, "--column", "revenue")
    assert found["rows"] == [{"day": "2024-01-02", "region": "north", "revenue": third["revenue"]}]
    assert (found["origin"]["run"], found["origin"]["parameters"]) == ("R-1", {"min_amount": 40})
    assert found["origin"]["inputs"][0]["state"]

    day = explained(shop, "--for", "2024-01-02")
    assert (day["row_count"], [each["operation"] for each in day["restatements"]]) == (2, ["O-2", "O-3", "O-5"])
    plain = shop.run("explain", "daily_sales", "--for", "2024-01-02", "--column", "revenue")
    assert "restated 3 times" in plain.out
    assert f"is   day=2024-01-02, region=north, revenue={first['revenue']}" in plain.out

    removed = found["restatements"][0]["instead_of"]
    assert removed[0]["revenue"] == third["revenue"]
    gone = next(each["origin"]["snapshot"] for each in day["restatements"] if each["operation"] == "O-2")
    (shop.root / "warehouse" / "data" / "daily_sales" / "snapshots" / f"{gone}.json").unlink()
    assert "was removed since" in explained(shop, "--key", NORTH, "--as-of", middle, code=1)["error"]["message"]
    told = [(each["operation"], each["known"]) for each in explained(shop, "--for", "2024-01-02")["restatements"]]
    assert told == [("O-2", False), ("O-3", True), ("O-5", True)], "what is there can be told without it"


def test_what_can_not_be_told_is_said(published: Any) -> None:
    def refused(code: int, *arguments: str) -> str:
        error = explained(published, *arguments, code=code)["error"]
        return str(error["message"])

    assert refused(2) == "which row?"
    assert "did you mean 'region'?" in refused(2, "--key", "day=2024-01-02,regio=north")
    assert "did you mean 'revenue'?" in refused(2, "--key", NORTH, "--column", "revenu")
    assert refused(2, "--key", "day=soon") == "day='soon' is no DATE"
    assert refused(2, "--key", "orders=1.5") == "orders='1.5' is no BIGINT"
    assert "is not COLUMN=VALUE" in refused(2, "--key", "north")
    assert "twice" in refused(2, "--key", "day=2024-01-02", "--key", "day=2024-01-03")
    assert "is no JSON object" in refused(2, "--key", "{north")
    assert "is no moment" in refused(2, "--key", NORTH, "--as-of", "yesterday")
    assert "is no day" in refused(2, "--for", "yesterday")
    assert "exclude each other" in refused(2, "--for", "2024-01-02", "--as-of", "2024-01-02")
    assert "was not live at 2020-01-01 00:00:00 UTC: it was first published at" in refused(
        1, "--key", NORTH, "--as-of", "2020-01-01"
    )
    assert "see no row with day=2024-01-02, region=west now" in refused(1, "--key", "day=2024-01-02,region=west")
    assert "see no row" in refused(1, "--for", "1999-01-01")
    assert published.run("explain", "daily_sales").err.endswith(
        "workbench explain daily_sales --key day=…,region=…, or --for DATE\n"
    )
    assert "did you mean 'daily_sales'?" in published.run("explain", "daily_sale").err
    assert published.run("explain", "daily_sale", "--key", "day=2024-01-02").code == 2
    assert "no column of region_totals@1 says" in published.run("explain", "region_totals", "--for", "2024-01-02").err


@pytest.mark.parametrize(
    "value", ["north' OR '1'='1", "'; DROP VIEW daily_sales; --", 'north"', "north\0", "\udce9", "no%", "north\n", "NULL", ""]
)
def test_a_value_is_only_ever_a_value(published: Any, value: str) -> None:
    ran = published.run("explain", "daily_sales", "--key", f"day=2024-01-02,region={value}")
    assert ran.code in (1, 2), ran.out
    with duckdb.connect(str(published.root / "warehouse" / "current.duckdb"), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM daily_sales").fetchone() != (0,)


def test_null_and_commas_are_written_as_json(published: Any) -> None:
    assert "region=NULL" in explained(published, "--key", '{"region": null}', code=1)["error"]["message"]
    assert "region=a,day=b" in explained(published, "--key", '{"region": "a,day=b"}', code=1)["error"]["message"]
    assert explained(published, "--key", '{"day": "2024-01-02", "region": "north"}')["row_count"] == 1
