"""A refresh gives the rows of a sandbox made anew, and makes only what a change of production reaches."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.conftest import Place
from workbench.config import find_workspace
from workbench.errors import ConfigError, GuardRefused, UsageError
from workbench.sandbox import registry
from workbench.sandbox.create import Request, create, recreate
from workbench.sandbox.graph import links, plan_roles
from workbench.sandbox.parity import judge
from workbench.sandbox.refresh import plan
from workbench.sandbox.registry import SandboxInfo

KEY = "a key of at least sixteen bytes"


@pytest.fixture
def keyed(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("WORKBENCH_MASK_KEY", KEY)
    return place


def content(place: Place, info: SandboxInfo) -> dict[str, Any]:
    found: dict[str, Any] = {
        f"{schema}.{name}": place.query(info, f"SELECT rowid, * FROM {schema}.{name} ORDER BY rowid")
        for name in info.tables
        for schema in ("main", "workbench_rows")
    }
    return found | {"tables": info.tables, "id": info.id, "notes": info.notes}


def rewrite(place: Place, name: str, select: str) -> None:
    """Replace a raw table by a query over itself, ``t``."""
    place.table(f"{name}_new", select.replace("FROM t", f"FROM '{place.root}/raw/{name}.parquet' t"))
    (place.root / "raw" / f"{name}_new.parquet").replace(place.root / "raw" / f"{name}.parquet")


CHANGES = {
    "stores": "SELECT * FROM t WHERE id <> 3",
    "products": "SELECT * REPLACE (title || '!' AS title) FROM t WHERE id % 97 <> 5",
    "lines": "SELECT * REPLACE ((product * 7) % 3000 AS product) FROM t WHERE number < 2",
    "orders": "SELECT * REPLACE (CASE WHEN id % 9 = 0 THEN (id * 5) % 4000 ELSE customer END AS customer) FROM t",
    "customers": "SELECT * FROM t WHERE id % 50 <> 1",
}


@pytest.mark.parametrize(
    ("changed", "options", "copied"),
    [
        (("stores",), {"anchors": ("customers",)}, {"customers", "orders", "lines", "products"}),
        pytest.param(("lines",), {"anchors": ("customers",)}, {"stores"}, marks=pytest.mark.drill),
        (("products",), {"anchors": ("customers",)}, {"customers", "orders", "lines", "stores"}),
        pytest.param(("orders", "stores"), {"anchors": ("customers",)}, set(), marks=pytest.mark.drill),
        (("customers",), {"anchors": ("customers",), "where": "region < 3"}, {"stores"}),
        (("products", "stores"), {"anchors": ("orders",), "strata": ("month",), "floor": 9}, {"customers", "orders", "lines"}),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, tuple) else "",
)
def test_a_refresh_is_what_a_new_sandbox_would_be(
    keyed: Place, changed: tuple[str, ...], options: dict[str, Any], copied: set[str]
) -> None:
    old = keyed.make("5%", **options)
    for name in changed:
        rewrite(keyed, name, CHANGES[name])
    refreshed = recreate(keyed.workspace, old, "ada", reuse=True)
    assert set(refreshed.copied) == copied
    found = content(keyed, refreshed)
    assert registry.ls(keyed.workspace) == (refreshed,)
    registry.gc(keyed.workspace, everything=True)
    assert found == content(keyed, keyed.make("5%", **options))


def test_without_a_change_the_sandbox_lives_longer(keyed: Place) -> None:
    old = keyed.make("5%", ttl="2d")
    again = recreate(keyed.workspace, old, "ada", reuse=True)
    assert (again.id, again.copied) == (old.id, ())


def test_without_a_lasting_key_everything_is_made_anew(place: Place) -> None:
    old = place.make("5%", anchors=("customers",))
    rewrite(place, "stores", CHANGES["stores"])
    assert recreate(place.workspace, old, "ada", reuse=True).copied == ()


@pytest.mark.parametrize("what", ["key", "mask", "type"])
def test_other_keys_rules_and_types_make_everything_anew(keyed: Place, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    old = keyed.make("5%", anchors=("customers",))
    rewrite(keyed, "stores", CHANGES["stores"])
    if what == "key":
        monkeypatch.setenv("WORKBENCH_MASK_KEY", KEY + "!")
    elif what == "mask":
        keyed.change('email = "token"', 'email = "redact"')
    else:
        rewrite(keyed, "stores", "SELECT * REPLACE (id::BIGINT AS id) FROM t")
    again = recreate(keyed.workspace, old, "ada", reuse=True)
    assert again.copied == ()
    assert keyed.one(again, "SELECT count(*) FROM lines l ANTI JOIN stores s ON l.store = s.id WHERE l.store <> 3") == 0


def test_the_plan_follows_references_from_what_changed(place: Place) -> None:
    base = place.make("5%", anchors=("customers",))
    sources = place.workspace.settings.sources
    steps = plan_roles(sources, dict.fromkeys(sources, 10**9) | {"stores": 6}, ("customers",))
    found = plan(base, ["customers"], steps, links(sources))
    assert (found.copied, found.recounted) == (("stores",), ())
    found = plan(base, ["stores"], steps, links(sources))
    assert (found.staged, [str(link) for link in found.recounted]) == (("stores",), ["lines(store) -> stores(id)"])


# The unhappy paths of a sandbox's life


def test_a_refresh_that_is_killed_keeps_the_old_sandbox(keyed: Place) -> None:
    old = keyed.make("5%", anchors=("customers",))
    before = content(keyed, old)
    rewrite(keyed, "stores", CHANGES["stores"])

    def stop(step: str) -> None:
        if step.startswith("copying"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recreate(keyed.workspace, old, "ada", reuse=True, tell=stop)
    assert registry.ls(keyed.workspace) == (old,)
    assert content(keyed, old) == before
    assert len(keyed.files()) == 2


@pytest.mark.parametrize("reuse", [True, False])
def test_a_source_that_vanished_keeps_the_old_sandbox(keyed: Place, reuse: bool) -> None:
    old = keyed.make("5%")
    (keyed.root / "raw" / "stores.parquet").unlink()
    with pytest.raises(UsageError, match=r"no file 'raw/stores\.parquet'"):
        recreate(keyed.workspace, old, "ada", reuse=reuse)
    assert registry.ls(keyed.workspace) == (old,)


def test_a_type_that_no_longer_fits_a_reference_keeps_the_old_sandbox(keyed: Place) -> None:
    old = keyed.make("5%")
    rewrite(keyed, "stores", "SELECT 's' || id AS id, city FROM t")
    with pytest.raises(ConfigError, match=r"lines\.store is INTEGER and stores\.id is VARCHAR; they never match"):
        recreate(keyed.workspace, old, "ada", reuse=True)
    assert registry.ls(keyed.workspace) == (old,)


def test_a_key_that_is_unique_no_longer_keeps_the_old_sandbox(keyed: Place) -> None:
    old = keyed.make("5%", anchors=("customers",))
    rewrite(keyed, "stores", "SELECT * FROM t UNION ALL SELECT * FROM t WHERE id < 2")
    with pytest.raises(ConfigError, match="is not unique: 2 values are on 4 rows"):
        recreate(keyed.workspace, old, "ada", reuse=True)
    assert registry.ls(keyed.workspace) == (old,)


def test_personal_values_that_are_new_keep_the_old_sandbox(keyed: Place) -> None:
    old = keyed.make("5%", anchors=("customers",))
    rewrite(keyed, "stores", "SELECT id, 'ask p' || id || '@example.org' AS city FROM t")
    with pytest.raises(GuardRefused, match=r"stores\.city: 6 of its values look like an e-mail address"):
        recreate(keyed.workspace, old, "ada", reuse=True)
    assert registry.ls(keyed.workspace) == (old,)


def test_an_expired_sandbox_can_be_refreshed(keyed: Place) -> None:
    old = keyed.make("5%", anchors=("customers",), ttl="1s")
    rewrite(keyed, "stores", CHANGES["stores"])
    again = recreate(keyed.workspace, old, "ada", reuse=True)
    assert "lines" in again.copied
    assert registry.ls(keyed.workspace) == (again,)


def _make(root: str, queue: Any) -> None:
    os.environ["WORKBENCH_MASK_KEY"] = KEY
    queue.put(create(find_workspace(Path(root)), Request(sample="5%", who="ada")).id)


def test_two_creations_at_once_give_one_sandbox(keyed: Place) -> None:
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    both = [context.Process(target=_make, args=(str(keyed.root), queue)) for _ in range(2)]
    for process in both:
        process.start()
    ids = {queue.get(timeout=120) for _ in both}
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    (info,) = registry.ls(keyed.workspace)
    assert ids == {info.id}
    assert keyed.one(info, "SELECT count(*) FROM customers") == info.tables["customers"].rows
    assert len(keyed.files()) == 2


def test_a_disk_that_fills_leaves_nothing_and_is_retryable(keyed: Place) -> None:
    """The limit on the size of files stands for the full disk; a child process sets it for itself."""
    script = (
        "import resource, signal, sys; from pathlib import Path; from workbench.cli.main import main; "
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)); "
        "sys.exit(main(['sandbox', 'create', '--sample', '50%']))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(registry.__file__).parents[2])}
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=keyed.root, env=environment, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, "the disk is full" in ran.stderr, "Traceback" in ran.stderr) == (5, True, False), ran.stderr
    assert "next: free space" in ran.stderr
    assert keyed.files() == []


def test_a_damaged_sandbox_is_no_base(keyed: Place) -> None:
    old = keyed.make("5%", anchors=("customers",))
    rewrite(keyed, "stores", CHANGES["stores"])
    old.path.write_bytes(b"damaged")
    again = recreate(keyed.workspace, old, "ada", reuse=True)
    assert (again.copied, again.tables["stores"].rows) == ((), 5)


@pytest.mark.parametrize(
    ("select", "said"),
    [
        ("SELECT * EXCLUDE (city) FROM t", "stores has changed since this sandbox was made: city is gone"),
        ("SELECT id, 7 AS city FROM t", "city was VARCHAR, is INTEGER"),
        ("SELECT 's' || id AS id, city FROM t", "id was INTEGER, is VARCHAR"),
    ],
)
def test_parity_with_other_columns_than_the_sandbox_has_is_refused(keyed: Place, select: str, said: str) -> None:
    info = keyed.make("5%")
    rewrite(keyed, "stores", select)
    with pytest.raises(UsageError, match=said) as caught:
        judge(keyed.workspace, info, 0.05)
    assert caught.value.hint == "workbench sandbox reset"


def test_a_source_that_became_empty_gives_an_empty_table(keyed: Place) -> None:
    old = keyed.make("5%", anchors=("customers",))
    rewrite(keyed, "products", "SELECT * FROM t LIMIT 0")
    again = recreate(keyed.workspace, old, "ada", reuse=True)
    assert again.tables["products"].rows == 0
    orphans = next(each for each in again.tables["lines"].orphans if each.source == "products")
    assert (orphans.production, orphans.sandbox) == (60000, again.tables["lines"].rows)
