"""What columns rest on, in the store."""

from __future__ import annotations

from pathlib import Path

from workbench.config import Settings, Workspace
from workbench.model import Edge, VersionId
from workbench.store import Store, lineage

FIRST = (Edge("*", "filter", "flights", "dep_time"), Edge("rate", "value", "flights", "dep_delay"))
SECOND = (Edge("rate", "value", "flights", "arr_delay"),)


def test_only_the_edges_of_live_versions_are_asked_for(tmp_path: Path):
    with Store.open(Workspace(tmp_path, Settings())) as store:
        lineage.keep(store, VersionId("late", 1), FIRST)
        lineage.keep(store, VersionId("late", 2), SECOND)
        assert lineage.of(store, {"late": 2}) == (("late", SECOND[0]),)
        assert lineage.of(store, {"late": 1}) == tuple(("late", edge) for edge in FIRST)
        assert lineage.of(store, {"gone": 1}) == ()


def test_keeping_twice_changes_nothing(tmp_path: Path):
    with Store.open(Workspace(tmp_path, Settings())) as store:
        for _ in range(2):
            lineage.keep(store, VersionId("late", 1), FIRST)
        assert len(lineage.of(store, {"late": 1})) == 2
        assert lineage.known(store, VersionId("late", 1))
        assert not lineage.known(store, VersionId("late", 2))


def test_a_store_that_is_not_there_yet_knows_no_lineage(tmp_path: Path):
    with Store.open(Workspace(tmp_path, Settings()), read_only=True) as store:
        assert lineage.of(store, {"late": 1}) == ()
        assert not lineage.known(store, VersionId("late", 1))
