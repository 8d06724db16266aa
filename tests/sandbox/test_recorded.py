"""Every copy of production's data is on the ledger, from before it can be used until after it is gone."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.operate.typed import killed_at
from workbench.config import find_workspace
from workbench.sandbox import recorded, registry
from workbench.store import Store


@pytest.fixture(autouse=True)
def key_of_masks(monkeypatch):
    """Equal rows make equal sandboxes only under one key."""
    monkeypatch.setenv("WORKBENCH_MASK_KEY", "ab" * 32)


def entries(root: Path) -> list[tuple[str, str]]:
    """What the ledger says of sandboxes: which, and what became of them."""
    with Store.open(find_workspace(root), read_only=True) as store:
        assert store.verify_ledger() == ()
        return [(entry.payload["sandbox"], entry.payload["did"]) for entry in store.ledger() if entry.kind == "sandbox"]


def test_what_is_made_reset_and_removed_is_on_record(shop):
    (first,) = [shop.run("sandbox", "create", "--sample", "100%", "--json").json["id"]]
    assert entries(shop.root) == [(first, "created")]
    assert shop.run("sandbox", "create", "--sample", "100%").code == 0
    assert entries(shop.root)[1:] == [(first, "extended")]
    file = shop.root / "raw" / "customers.csv"
    file.write_text(file.read_text() + "c9,Customer 9,south\n")
    second = shop.run("sandbox", "reset", "--json").json["id"]
    assert entries(shop.root)[2:] == [(second, "created"), (first, "removed")]
    assert shop.run("sandbox", "gc", "--all").code == 0
    assert entries(shop.root)[4:] == [(second, "removed")]
    with Store.open(find_workspace(shop.root), read_only=True) as store:
        said = store.ledger()[0].payload
    assert said["masked"] == {"customers": ["customer_id", "name"], "orders": ["customer_id"]}
    assert said["rows"] == {"customers": 9, "orders": 60}
    assert said["who"] == "ada@example.org"
    assert not (shop.root / "promoted" / "LEDGER_HEAD").exists()


def test_where_nothing_can_be_recorded_no_sandbox_is_made_and_one_goes_all_the_same(sandboxed):
    (before,) = registry.ls(find_workspace(sandboxed.root))
    key = sandboxed.root / ".workbench" / "ledger.key"
    secret = key.read_bytes()
    key.unlink()
    ran = sandboxed.run("sandbox", "create", "--sample", "50%")
    assert ran.code == 4
    assert "key is gone" in ran.err
    assert registry.ls(find_workspace(sandboxed.root)) == (before,)
    assert list((sandboxed.root / ".workbench" / "sandboxes").glob(".tmp*")) == []
    ran = sandboxed.run("sandbox", "gc", "--all")
    assert ran.code == 0
    assert "the ledger does not say so yet" in ran.err
    assert registry.ls(find_workspace(sandboxed.root)) == ()
    key.write_bytes(secret)
    assert entries(sandboxed.root) == [(before.id, "created")]
    now = registry.utc_now() + dt.timedelta(hours=2)
    assert recorded.removed(find_workspace(sandboxed.root), [], who="bo", at=now, why="") == ""
    assert entries(sandboxed.root) == [(before.id, "created"), (before.id, "gone")]


def test_one_that_somebody_deleted_by_hand_is_found_out(sandboxed):
    (before,) = registry.ls(find_workspace(sandboxed.root))
    shutil.rmtree(before.path.parent)
    now = registry.utc_now()
    assert recorded.removed(find_workspace(sandboxed.root), [], who="bo", at=now, why="") == ""
    assert entries(sandboxed.root) == [(before.id, "created")], "it may be about to appear"
    for _ in range(2):
        recorded.removed(find_workspace(sandboxed.root), [], who="bo", at=now + dt.timedelta(hours=2), why="")
        assert entries(sandboxed.root) == [(before.id, "created"), (before.id, "gone")]


def test_killed_before_it_appears_it_is_on_record_and_made_by_the_next_command(shop):
    assert killed_at("after_sandbox_recorded", shop.root, "sandbox", "create", "--sample", "100%") == 137
    ((identity, did),) = entries(shop.root)
    assert (did, registry.ls(find_workspace(shop.root))) == ("created", ())
    assert shop.run("sandbox", "create", "--sample", "100%", "--json").json["id"] == identity
    assert entries(shop.root) == [(identity, "created"), (identity, "created")]


@pytest.fixture
def clone(published, tmp_path, monkeypatch):
    """What an analyst has who cloned the repository: no hidden state, no data of production."""
    for name in (".workbench", "warehouse"):
        shutil.rmtree(published.root / name)
    return published


def test_in_a_fresh_clone_sandboxes_stand_in_nobodys_way(clone):
    head = clone.root / "promoted" / "LEDGER_HEAD"
    known = head.read_text()
    assert clone.run("sandbox", "create", "--sample", "100%").code == 0
    assert head.read_text() == known, "the anchor is that of the workspace that has production"
    assert clone.run("doctor").code == 0
    head.write_text("99 " + "ab" * 32 + "\n")  # somebody else published, and it was pulled
    ran = clone.run("doctor")
    assert ran.code == 0
    assert "as in a fresh clone" in ran.out
    assert clone.run("promote", "notebooks/sales.py", "--why", "here").code == 3
    assert clone.run("approve", "P-1").code == 0
    assert clone.run("publish", "P-1").code == 0
    with Store.open(find_workspace(clone.root), read_only=True) as store:
        assert store.verify_ledger() == ()
        assert store.ledger()[1].payload["follows"] == "ab" * 32
        assert head.read_text() == f"{store.ledger()[-1].seq} {store.ledger()[-1].hash}\n"
    assert clone.run("audit", "export", "ledger.zip").code == 0
    subprocess.run(["python3", "-m", "zipfile", "-e", "ledger.zip", "out"], cwd=clone.root, check=True)
    key = (clone.root / ".workbench" / "ledger.key").read_text().strip()
    checked = subprocess.run(
        ["python3", "verify.py"], cwd=clone.root / "out", env={"WORKBENCH_LEDGER_KEY": key}, capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stdout


def test_a_ledger_cut_off_to_its_sandboxes_does_not_verify(sandboxed):
    import sqlite3

    assert sandboxed.promote().code == 3
    with sqlite3.connect(sandboxed.root / ".workbench" / "store.db") as con:
        con.execute("DELETE FROM ledger WHERE kind <> 'sandbox'")
    con.close()
    with Store.open(find_workspace(sandboxed.root), read_only=True) as store:
        assert "the end is cut off" in store.verify_ledger()[0].message
