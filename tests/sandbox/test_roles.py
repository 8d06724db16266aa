"""Who is chosen, who follows and who is pulled in, on shapes that real schemas have."""

from __future__ import annotations

import pytest

from tests.sandbox.conftest import Place
from workbench.sandbox.registry import SandboxInfo

SCHOOL = """
[tool.workbench.sources.students]
read = "raw/students.parquet"
key = ["id"]

[tool.workbench.sources.courses]
read = "raw/courses.parquet"
key = ["id"]

[tool.workbench.sources.enrolments]
read = "raw/enrolments.parquet"
key = ["student", "course"]
references = [{ columns = ["student"], source = "students" }, { columns = ["course"], source = "courses" }]
"""


@pytest.fixture
def school(empty: Place) -> Place:
    """Students and courses, many to many."""
    empty.table("students", "SELECT i AS id FROM range(11000) r(i)")
    empty.table("courses", "SELECT i AS id FROM range(12000) r(i)")
    empty.table("enrolments", "SELECT i // 5 AS student, (i * 7 + i // 5) % 12000 AS course FROM range(55000) r(i)")
    empty.settings(SCHOOL)
    return empty


def lost(place: Place, info: SandboxInfo, child: str, column: str, parent: str) -> int:
    query = f"SELECT count(*) FROM {child} c ANTI JOIN {parent} p ON c.{column} = p.id WHERE c.{column} IS NOT NULL"
    return int(place.one(info, query))


def test_many_to_many_keeps_all_of_one_side_and_what_it_needs_of_the_other(school: Place) -> None:
    info = school.make("5%", anchors=("students",))
    assert {name: table.role for name, table in info.tables.items()} == {
        "students": "anchor", "enrolments": "follow", "courses": "parent",
    }  # fmt: skip
    assert info.tables["enrolments"].core == 5 * info.tables["students"].core
    assert info.tables["courses"].core == 0 < info.tables["courses"].support < 12000
    assert lost(school, info, "enrolments", "student", "students") == lost(school, info, "enrolments", "course", "courses") == 0


def test_the_other_side_can_be_the_anchor(school: Place) -> None:
    info = school.make("5%", anchors=("courses",))
    assert info.tables["courses"].role == "anchor"
    assert info.tables["students"].role == "parent"
    chosen = "SELECT course FROM enrolments e JOIN workbench_rows.enrolments r ON r.row = e.rowid WHERE core"
    whole = f"SELECT count(*) FROM '{school.root}/raw/enrolments.parquet' WHERE course IN (FROM courses)"
    assert school.one(info, f"SELECT count(*) FROM ({chosen})") == school.one(info, whole) > 0


def test_several_anchors_are_each_chosen_by_themselves(place: Place) -> None:
    info = place.make("5%", anchors=("customers", "products"))
    assert info.anchors == ("customers", "products")
    for name, rows in (("customers", 4000), ("products", 3000)):
        assert info.tables[name].role == "anchor"
        assert 0.03 * rows < info.tables[name].core < 0.07 * rows
    # Lines follow the first of their references that leads to an anchor, here over their orders.
    assert info.tables["lines"].via.startswith("lines(order_id)")
    assert info.tables["products"].support > 0
    for column, parent in (("order_id", "orders"), ("product", "products"), ("store", "stores")):
        assert lost(place, info, "lines", column, parent) == 0


def test_small_tables_that_others_refer_to_come_whole(place: Place) -> None:
    info = place.make("1%", anchors=("customers",))
    assert (info.tables["stores"].role, info.tables["stores"].core, info.tables["stores"].support) == ("whole", 6, 0)
    assert place.one(info, "SELECT DISTINCT weight FROM workbench_rows.stores") == 1.0
