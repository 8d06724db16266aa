from __future__ import annotations

import datetime as dt
import json

import pytest

from tests.sandbox.conftest import Place
from workbench.errors import UsageError
from workbench.sandbox import registry
from workbench.sandbox.create import recreate

HOUR = dt.timedelta(hours=1)


def test_what_is_written_is_read_back(place: Place) -> None:
    info = place.make()
    assert registry.ls(place.workspace) == (info,)


def test_the_newest_that_has_not_expired_is_active(place: Place) -> None:
    old = place.make(ttl="30d")
    new = place.make(ttl="1h")
    registry.write(type(new).from_json(new.to_json() | {"created": (old.created + HOUR / 2).isoformat()}, new.path.parent))
    assert registry.active(place.workspace, old.created + HOUR / 2).id == new.id
    assert registry.active(place.workspace, old.created + 2 * HOUR).id == old.id


def test_another_one_can_be_chosen(place: Place) -> None:
    first, second = place.make(), place.make()
    registry.use(place.workspace, first.id[:7])
    assert registry.active(place.workspace).id == first.id
    registry.use(place.workspace, second.id)
    assert registry.active(place.workspace).id == second.id
    registry.remove(place.workspace, second)
    assert registry.pin(place.workspace) is None
    with pytest.raises(UsageError, match="no sandbox 'zzz'"):
        registry.use(place.workspace, "zzz")


def test_a_chosen_one_that_is_gone_is_said_to_be_gone(place: Place) -> None:
    info = place.make()
    (place.root / ".workbench" / "sandbox").write_text("s000\n")
    with pytest.raises(UsageError, match="sandbox s000, which this workspace is set to use, is gone") as caught:
        registry.active(place.workspace)
    assert caught.value.hint == "workbench sandbox use --newest"
    registry.use(place.workspace, None)
    assert registry.active(place.workspace).id == info.id


def test_what_has_expired_is_removed(place: Place) -> None:
    short, long = place.make(ttl="1h"), place.make(ttl="9d")
    assert registry.gc(place.workspace, short.created + 2 * HOUR) == (short.id,)
    assert [info.id for info in registry.ls(place.workspace)] == [long.id]
    assert registry.gc(place.workspace) == ()


def test_sandboxes_of_an_earlier_format_are_removed_and_later_ones_left(place: Place) -> None:
    info = place.make()
    for name, number in (("s_old", registry.FORMAT - 1), ("s_new", registry.FORMAT + 1)):
        folder = place.workspace.sandboxes / name
        folder.mkdir()
        (folder / "sandbox.json").write_text(json.dumps(info.to_json() | {"format": number}))
    assert registry.gc(place.workspace) == ("s_old",)
    assert sorted(folder.name for folder in place.workspace.sandboxes.iterdir()) == sorted([info.id, "s_new"])


def test_a_workspace_with_sandboxes_of_an_earlier_format_alone_says_so(place: Place) -> None:
    file = place.make().path.parent / "sandbox.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": registry.FORMAT - 1}))
    with pytest.raises(UsageError, match="made by an earlier workbench"):
        registry.active(place.workspace)


def test_folders_that_are_no_sandbox_are_passed_over(place: Place) -> None:
    info = place.make()
    odd = place.workspace.sandboxes / "odd"
    for text in ("", "[]", "{}", json.dumps(info.to_json() | {"format": 99}), json.dumps(info.to_json() | {"more": 1})):
        odd.mkdir(exist_ok=True)
        (odd / "sandbox.json").write_text(text)
        assert registry.ls(place.workspace) == (info,)


def test_a_reset_reads_production_again_and_replaces(place: Place) -> None:
    old = place.make("10%", seed=3, ttl="2d", anchors=("customers",))
    registry.use(place.workspace, old.id)
    place.table("stores", "SELECT i::INTEGER AS id, 'city ' || i AS city FROM range(9) r(i)")
    new = recreate(place.workspace, old, "ada")
    assert [info.id for info in registry.ls(place.workspace)] == [new.id]
    assert registry.pin(place.workspace) == new.id
    assert (new.sample, new.seed, new.anchors, new.expires - new.created) == ("10%", 3, ("customers",), dt.timedelta(days=2))
    assert new.tables["stores"].rows == 9
    assert new.snapshot["stores"] != old.snapshot["stores"]
