"""Sandboxes on the ledger: every copy of production's data that was made, and what became of it.

A sandbox is on record before it can be used: where nothing can be recorded, none is made. Deleting goes the other way round: a
copy goes in any case, and what could not be recorded then is by the next deletion.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Collection, Iterator
from typing import Literal

from workbench.config import Workspace
from workbench.errors import WorkbenchError
from workbench.sandbox.registry import SandboxInfo
from workbench.store import Store, tables
from workbench.store.ledger import SANDBOX, of_production
from workbench.store.rows import to_entry

Did = Literal["created", "extended", "removed", "gone"]
# One that was recorded so lately may be about to appear.
APPEARING = dt.timedelta(hours=1)


def made(workspace: Workspace, info: SandboxInfo, *, new: bool, who: str, at: dt.datetime) -> None:
    """Record that a sandbox is made, or one with equal content lives longer, before it is so.

    Raises what keeps the store from being written: then there is to be no sandbox.
    """
    with Store.open(workspace) as store:
        _write(
            store,
            info.id,
            "created" if new else "extended",
            who,
            at,
            sample=info.sample,
            seed=info.seed,
            snapshot=info.snapshot_id,
            expires=info.expires.isoformat(timespec="seconds"),
            rows={name: table.rows for name, table in info.tables.items()},
            masked={name: sorted(table.masked) for name, table in info.tables.items() if table.masked},
        )


def removed(workspace: Workspace, identities: Collection[str], *, who: str, at: dt.datetime, why: str) -> str:
    """Record that sandboxes are gone, and which were before without a word; a complaint where that can't be done, else ""."""
    try:
        with Store.open(workspace) as store:
            for identity in identities:
                _write(store, identity, "removed", who, at, why=why)
            there = {folder.name for folder in workspace.sandboxes.glob("*")}
            for identity in _missing(store, there | {*identities}, at):
                _write(store, identity, "gone", who, at, why="nobody said so when it went")
    except WorkbenchError as error:
        return f"{', '.join(identities)} went, and the ledger does not say so yet: {error.message}; next: workbench sandbox gc"
    return ""


def _missing(store: Store, there: Collection[str], now: dt.datetime) -> Iterator[str]:
    """The sandboxes that the ledger knows of and that are not there."""
    known: dict[str, dt.datetime] = {}
    for row in store.select(tables.ledger, tables.ledger.c.kind == SANDBOX):
        entry = to_entry(row)
        if entry.payload["did"] in ("created", "extended"):
            known[entry.payload["sandbox"]] = entry.at
        else:
            known.pop(entry.payload["sandbox"], None)
    yield from (identity for identity, at in known.items() if identity not in there and now - at > APPEARING)


def _write(store: Store, identity: str, did: Did, who: str, at: dt.datetime, **said: object) -> None:
    store.append_ledger(SANDBOX, {"sandbox": identity, "did": did, "who": who, **said}, at=at)
    # Where production is recorded, its anchor covers this, too; elsewhere it belongs to the workspace that has production.
    if store.select(tables.ledger, of_production(), limit=1):
        with contextlib.suppress(OSError):
            store.write_head()
