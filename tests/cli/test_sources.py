from __future__ import annotations

import tomllib

from tests.conftest import Shop
from tests.test_docs import hold


def undeclare(shop: Shop) -> None:
    settings = shop.root / "pyproject.toml"
    text = settings.read_text()
    settings.write_text(text[: text.index("[tool.workbench.sources")])


def test_a_proposal_is_printed_and_nothing_is_written(shop: Shop) -> None:
    undeclare(shop)
    before = (shop.root / "pyproject.toml").read_text()
    ran = shop.run("sources", "discover")
    assert ran.code == 0
    assert 'key = ["order_id"]  # unique and never NULL' in ran.out
    assert '{ columns = ["customer_id"], source = "customers" },  # it has the name of customer_id, 90.0%' in ran.out
    assert "workbench sources discover --write" in ran.err
    assert (shop.root / "pyproject.toml").read_text() == before
    tomllib.loads(ran.out)


def test_what_is_written_is_enough_to_make_a_sandbox(shop: Shop) -> None:
    undeclare(shop)
    ran = shop.run("sources", "discover", "raw", "--write", "--json")
    hold("sources-discover", ran)
    assert ran.json["written"] is True
    proposals = {each["name"]: each for each in ran.json["proposals"]}
    assert proposals["customers"]["mask"] == {"name": {"rule": "redact", "why": "its name says a name"}}
    assert shop.run("sandbox", "create", "--sample", "50%").code == 0
    again = shop.run("sources", "discover", "--write", "--json")
    hold("sources-discover", again)
    assert (again.json["proposals"], again.json["written"]) == ([], False)
    assert sorted(again.json["declared"]) == ["customers", "orders"]


def test_places_that_can_not_be_read_are_refused_with_the_next_command(shop: Shop) -> None:
    for place, code in (("nowhere", 2), ("postgresql://ada@127.0.0.1:1/shop", 5), ("env:NOT_SET_ANYWHERE", 2)):
        ran = shop.run("sources", "discover", place)
        assert ran.code == code
        assert "next:" in ran.err
