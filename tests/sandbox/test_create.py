from __future__ import annotations

import datetime as dt
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.conftest import Place
from workbench.errors import ConfigError, GuardRefused, InfrastructureError, UsageError
from workbench.render.sandbox import estimate_line
from workbench.sandbox import create as creation
from workbench.sandbox import registry
from workbench.sandbox.create import Request

KEY = "a key of at least sixteen bytes"
REFERENCES = [
    ("orders", "customer", "customers", "id"),
    ("lines", "order_id", "orders", "id"),
    ("lines", "product", "products", "id"),
    ("lines", "store", "stores", "id"),
    ("products", "part_of", "products", "id"),
]


def dangling(place: Place, info: registry.SandboxInfo) -> dict[str, int]:
    return {
        f"{child}.{column}": place.one(
            info, f"SELECT count(*) FROM {child} c ANTI JOIN {parent} p ON c.{column} = p.{key} WHERE c.{column} IS NOT NULL"
        )
        for child, column, parent, key in REFERENCES
    }


def test_every_join_of_the_sample_keeps_matching(place: Place) -> None:
    info = place.make("5%", anchors=("customers",))
    lost = dangling(place, info)
    orphans = lost.pop("orders.customer")
    assert set(lost.values()) == {0}
    recorded = info.tables["orders"].orphans[0]
    assert (recorded.production, recorded.nulls) == (500, 400)
    assert recorded.sandbox == orphans > 0


def test_orphans_of_production_keep_about_their_share(place: Place) -> None:
    info = place.make("20%", anchors=("customers",))
    recorded = info.tables["orders"].orphans[0]
    assert 70 <= recorded.sandbox <= 130
    assert 50 <= place.one(info, "SELECT count(*) FROM orders WHERE customer IS NULL") <= 110


def test_chosen_parents_have_all_their_children(place: Place) -> None:
    info = place.make("5%", anchors=("customers",))
    assert place.one(info, "SELECT min(n) || '-' || max(n) FROM (SELECT count(*) AS n FROM lines GROUP BY order_id)") == "3-3"
    assert info.tables["lines"].support == 0
    assert info.tables["products"].core == 0
    assert info.tables["products"].support == place.one(info, "SELECT count(*) FROM products") > 0
    assert info.tables["stores"].role == "whole"


def test_rows_of_the_flag_table_are_those_of_the_data(place: Place) -> None:
    info = place.make("5%", anchors=("orders",))
    for name, table in info.tables.items():
        counted = place.query(
            info,
            f"SELECT count(*) FILTER (core), count(*) FILTER (NOT core) "
            f"FROM workbench_rows.{name} r JOIN {name} d ON r.row = d.rowid",
        )
        assert counted == [(table.core, table.support)]
    assert place.one(info, "SELECT sum(weight) FROM workbench_rows.orders") == pytest.approx(20000, rel=0.15)


def test_equal_seeds_give_equal_rows_in_equal_order(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_MASK_KEY", KEY)
    contents = []
    allowed = os.sched_getaffinity(0)
    try:
        for processors in (allowed, {min(allowed)}):
            os.sched_setaffinity(0, processors)
            info = place.make()
            contents.append([place.query(info, f"SELECT rowid, * FROM {name} ORDER BY rowid") for name in info.tables])
            registry.remove(place.workspace, info)
    finally:
        os.sched_setaffinity(0, allowed)
    assert contents[0] == contents[1]


def test_the_order_of_rows_in_production_does_not_matter(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_MASK_KEY", KEY)
    first = place.make()
    for name in ("customers", "orders", "lines"):
        place.table(name, f"SELECT * FROM '{place.root}/raw/{name}.parquet' ORDER BY hash(COLUMNS(*)) DESC")
    second = place.make()
    assert first.id != second.id
    for name in first.tables:
        assert place.query(first, f"FROM {name}") == place.query(second, f"FROM {name}")


def test_a_smaller_sample_lies_within_a_larger_one(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_MASK_KEY", KEY)
    small, large = place.make("1%", anchors=("customers",)), place.make("10%", anchors=("customers",))
    for name in ("customers", "orders", "lines"):
        assert set(place.query(small, f"FROM {name}")) < set(place.query(large, f"FROM {name}"))


def test_another_seed_chooses_other_rows(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_MASK_KEY", KEY)
    assert set(place.query(place.make(seed=1), "FROM orders")) != set(place.query(place.make(seed=2), "FROM orders"))


def test_all_of_production_fits_in_a_sandbox(place: Place) -> None:
    info = place.make("100%")
    assert {name: table.rows for name, table in info.tables.items()} == {
        "customers": 4000, "orders": 20000, "lines": 60000, "products": 3000, "stores": 6,
    }  # fmt: skip
    assert dangling(place, info)["orders.customer"] == 500


def test_types_and_columns_are_those_of_production(place: Place) -> None:
    info = place.make()
    with_production = "SELECT column_name, column_type FROM (DESCRIBE FROM {})"
    for name in info.tables:
        mine = place.query(info, with_production.format(name))
        assert mine == place.query(info, with_production.format(f"'{place.root}/raw/{name}.parquet'"))


def test_a_condition_limits_the_anchors(place: Place) -> None:
    info = place.make("50%", anchors=("orders",), where="month >= 6 OR false -- and a comment")
    assert place.query(
        info, "SELECT min(month), max(month) FROM orders o JOIN workbench_rows.orders r ON r.row = o.rowid WHERE core"
    ) == [(6, 12)]
    with pytest.raises(UsageError, match=r"Referenced column|not found"):
        place.make(where="mont >= 6")
    with pytest.raises(UsageError, match="--where"):
        place.make(where="true) ; DROP TABLE x; SELECT (1")
    with pytest.raises(UsageError, match=r"is met by none of the 20,000 rows of orders"):
        place.make(anchors=("orders",), where="month > 12")
    with pytest.raises(UsageError, match=r"0\.001% of its 1 rows that meet --where 'id = 5' chose none"):
        place.make("0.001%", anchors=("orders",), where="id = 5")


@pytest.mark.parametrize(
    "where", ["random() > 0.5", "CURRENT_DATE > DATE '2020-01-01'", "month < month(now())", "id IN (FROM read_csv('x.csv'))"]
)
def test_a_condition_whose_answer_would_change_by_itself_is_refused(place: Place, where: str) -> None:
    with pytest.raises(UsageError, match="may give something else another time"):
        place.make(anchors=("orders",), where=where)


def test_the_estimate_knows_what_a_condition_leaves_and_what_a_floor_adds(place: Place) -> None:
    shown: list[creation.Estimate] = []

    def ask(sample: str, **options: Any) -> dict[str, int]:
        request = Request(sample, anchors=("orders",), **options)
        info = creation.create(place.workspace, request, show=shown.append)
        return {name: table.rows for name, table in info.tables.items()}

    rows = ask("100%", where="month = 3", max_rows=15_000)
    assert shown[-1].left == {"orders": (1667, 20_000)}
    assert (shown[-1].rows["orders"], shown[-1].rows["lines"]) == (1667, 5001) == (rows["orders"], rows["lines"])
    assert shown[-1].rows["customers"] == pytest.approx(rows["customers"], rel=0.25)
    assert estimate_line(shown[-1]).endswith("(orders: 1,667 of 20,000 rows meet --where)")
    with pytest.raises(GuardRefused, match="above the cap of 15,000"):
        ask("100%", max_rows=15_000)
    assert shown[-1].left == {}
    assert estimate_line(shown[-1]).endswith(f"keeps about {shown[-1].total:,}")
    rows = ask("0.1%", strata=("month",), floor=30)
    assert shown[-1].rows["orders"] == 12 * 30 == rows["orders"]


def test_the_estimate_follows_references_of_a_table_to_itself(empty: Place) -> None:
    """Chains of 40, and rings of 40: what is chosen pulls in all before it, and all of its ring."""
    staff = "SELECT i AS id, CASE WHEN i % 40 > 0 THEN i - 1 WHEN i < 10000 THEN i + 39 END AS manager FROM range(20000) r(i)"
    empty.table("staff", staff)
    empty.settings(
        '[tool.workbench.sources.staff]\nread = "raw/staff.parquet"\nkey = ["id"]\nsample = "anchor"\n'
        'references = [{ columns = ["manager"], source = "staff" }]\n'
    )
    shown: list[creation.Estimate] = []
    made = creation.create(empty.workspace, Request("1%"), show=shown.append)
    assert made.tables["staff"].core < 300
    assert shown[-1].rows["staff"] == pytest.approx(made.tables["staff"].rows, rel=0.15)
    with pytest.raises(GuardRefused, match="above the cap of 2,000"):
        empty.make("1.1%", max_rows=2_000)


def test_each_stratum_keeps_its_floor(place: Place) -> None:
    info = place.make("0.1%", anchors=("customers",), strata=("region",), floor=7)
    assert [n >= 7 for _, n in place.query(info, "SELECT region, count(*) FROM customers GROUP BY region")] == [True] * 4
    assert place.one(info, "SELECT sum(weight) FROM workbench_rows.customers") == pytest.approx(4000)
    with pytest.raises(UsageError, match="no anchor has that column"):
        place.make(strata=("shape",), floor=1)
    with pytest.raises(UsageError, match="--floor"):
        place.make(strata=("region",))


def test_the_same_sandbox_is_made_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_MASK_KEY", KEY)
    first = place.make(ttl="1d")
    stamp = first.path.stat().st_mtime_ns
    second = place.make(ttl="3d")
    assert (second.id, second.path.stat().st_mtime_ns) == (first.id, stamp)
    assert second.expires - first.expires >= dt.timedelta(days=2)
    assert place.make("6%").id != first.id
    monkeypatch.setenv("WORKBENCH_MASK_KEY", KEY + "!")
    assert place.make().id != first.id


# Bad input


@pytest.mark.parametrize("share", ["0%", "200%", "-1%", "lots", "nan%"])
def test_an_impossible_share_is_refused(place: Place, share: str) -> None:
    with pytest.raises(UsageError, match="not a share"):
        place.make(share)
    assert place.files() == []


def test_a_key_that_is_not_unique_is_refused_saying_how_often(place: Place) -> None:
    place.table("stores", "SELECT (i % 4)::INTEGER AS id, 'x' AS city FROM range(6) r(i)")
    with pytest.raises(ConfigError, match=r"sources\.stores\.key: \['id'\] is not unique: 2 values are on 4 rows") as caught:
        place.make()
    assert caught.value.exit_code == 2
    assert place.files() == []


def test_columns_that_are_not_there_are_named(place: Place) -> None:
    place.change('columns = ["customer"]', 'columns = ["custmer"]')
    with pytest.raises(
        ConfigError, match=r"orders\.references: source orders has no column 'custmer'; did you mean 'customer'"
    ):
        place.make()
    place.change('columns = ["custmer"]', 'columns = ["customer"]')
    place.change('name = "redact"', 'nme = "redact", name = "redact"')
    with pytest.raises(ConfigError, match=r"customers\.mask: source customers has no column 'nme'"):
        place.make()


def test_references_between_unlike_types_are_refused(place: Place) -> None:
    place.table("stores", "SELECT 's' || i AS id, 'x' AS city FROM range(6) r(i)")
    with pytest.raises(ConfigError, match=r"lines\.store is INTEGER and stores\.id is VARCHAR; they never match"):
        place.make()


def test_an_anchor_that_reaches_nothing_is_refused(place: Place) -> None:
    with pytest.raises(UsageError, match=r"anchor stores reaches nothing: 0\.001% of its 6 rows"):
        place.make("0.001%", anchors=("stores",))
    assert place.files() == []


def test_an_anchor_without_rows_is_refused_when_somebody_asks_for_it(place: Place) -> None:
    place.table("lines", f"SELECT * FROM '{place.root}/raw/lines.parquet' LIMIT 0")
    with pytest.raises(UsageError, match="anchor lines reaches nothing: it has no rows"):
        place.make(anchors=("lines",))


def test_rows_without_a_key_are_told(place: Place) -> None:
    place.table("orders", f"SELECT * REPLACE (nullif(id, id // 100 * 100) AS id) FROM '{place.root}/raw/orders.parquet'")
    info = place.make("5%", anchors=("orders",))
    assert info.notes[-1] == "200 rows of orders have NULL in their key, id; rows alike in it are chosen together"
    core = "SELECT count(*) FROM orders o JOIN workbench_rows.orders r ON r.row = o.rowid WHERE core AND id IS NULL"
    assert place.one(info, core) in (0, 200)


def test_an_empty_source_gives_an_empty_table(place: Place) -> None:
    place.table("lines", f"SELECT * FROM '{place.root}/raw/lines.parquet' LIMIT 0")
    info = place.make()
    assert info.tables["lines"].rows == 0
    assert place.query(info, "FROM lines") == []


def test_a_source_that_vanished_is_refused(place: Place) -> None:
    (place.root / "raw" / "stores.parquet").unlink()
    with pytest.raises(UsageError, match=r"no file 'raw/stores\.parquet'"):
        place.make()


def test_a_source_that_changes_while_it_is_read_is_refused(place: Place) -> None:
    def disturb(step: str) -> None:
        if step == "writing lines":
            place.table("stores", "SELECT 1::INTEGER AS id, 'x' AS city")

    with pytest.raises(InfrastructureError, match="stores changed while being read"):
        creation.create(place.workspace, Request(sample="5%"), tell=disturb)
    assert place.files() == []


def test_above_the_cap_nothing_is_read(place: Place) -> None:
    steps: list[str] = []
    with pytest.raises(GuardRefused, match="above the cap of 500") as caught:
        creation.create(place.workspace, Request(sample="50%", max_rows=500, where="number > 0"), tell=steps.append)
    assert re.match(r"workbench sandbox create --sample [\d.]+% --seed 7 --where 'number > 0'   \(or", caught.value.hint)
    assert all(step.startswith("counting") for step in steps)
    assert place.files() == []


def test_an_interrupted_creation_leaves_nothing(place: Place) -> None:
    def stop(step: str) -> None:
        if step.startswith("writing"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        creation.create(place.workspace, Request(sample="5%"), tell=stop)
    assert place.files() == []
    assert registry.ls(place.workspace) == ()


def test_a_killed_creation_is_never_seen_and_swept_away(place: Place) -> None:
    script = f"""
import os
from pathlib import Path
from typing import Any
from workbench.config import find_workspace
from workbench.sandbox.create import Request, create
def stop(step):
    if step == "writing lines":
        os._exit(9)
create(find_workspace(Path({str(place.root)!r})), Request(sample="5%"), tell=stop)
"""
    environment = os.environ | {"PYTHONPATH": str(Path(creation.__file__).parents[2])}
    assert subprocess.run([sys.executable, "-c", script], env=environment, check=False).returncode == 9
    assert place.files() != []
    assert registry.ls(place.workspace) == ()
    assert len(registry.gc(place.workspace)) == 1
    assert place.files() == []


def test_a_float_as_key_of_an_anchor_is_refused(place: Place) -> None:
    place.table("orders", f"SELECT * REPLACE (id::DOUBLE AS id) FROM '{place.root}/raw/orders.parquet'")
    with pytest.raises(ConfigError, match="id is DOUBLE, which has no exact text"):
        place.make(anchors=("orders",))


def test_a_source_without_key_is_sampled_by_its_rows(place: Place) -> None:
    place.table("visits", "SELECT i % 100 AS page, i AS at FROM range(5000) r(i)")
    place.settings('[tool.workbench.sources.visits]\nread = "raw/visits.parquet"\n')
    assert 150 < place.make("5%").tables["visits"].core < 350


def test_what_is_known_of_a_sandbox_holds_no_clear_value(place: Place) -> None:
    info = place.make()
    text = (info.path.parent / "sandbox.json").read_text()
    assert "@example.org" not in text
    assert json.loads(text)["tables"]["customers"]["masked"]["email"] == "token"
    assert info.path.stat().st_mode & 0o077 == 0


def test_a_reference_to_a_source_that_is_not_declared_is_named(place: Place) -> None:
    place.change('source = "stores"', 'source = "storse"')
    with pytest.raises(ConfigError, match=r"lines\.references: there is no source 'storse'; did you mean 'stores'"):
        place.make()


def test_a_reference_to_a_source_without_a_key_says_what_to_add(place: Place) -> None:
    place.change('read = "raw/stores.parquet"\nkey = ["id"]', 'read = "raw/stores.parquet"')
    with pytest.raises(ConfigError, match=r"1 column \['store'\] can't refer to 0 columns|stores has no key"):
        place.make()
