"""Leases: who may run a pipeline now. A token that grows with every holder fences off whoever was taken for dead.

A row stays when its lease is released, so that no token is ever given out twice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from workbench.errors import LeaseLost, LockHeld
from workbench.store import rows, tables
from workbench.store.database import Store
from workbench.store.engine import add, change
from workbench.store.records import Lease


def find(store: Store, name: str) -> Lease | None:
    """The lease of that name when somebody holds it, in time or not; None when it is free."""
    row = _row(store, name)
    return None if row is None or not row["holder"] else _lease(row)


def held(store: Store) -> tuple[Lease, ...]:
    """All leases that somebody holds, by name."""
    return tuple(_lease(row) for row in store.select(tables.leases, tables.leases.c.holder != ""))


def take(store: Store, name: str, holder: str, *, expires: dt.datetime, over: Lease | None = None) -> Lease:
    """Take a free lease, or ``over`` from a holder that is taken for dead, under the next token.

    Raises ``LockHeld`` when somebody else holds it, or has sent a sign of life since ``over`` was looked at.
    """
    with store.transaction() as connection:
        row = _row(store, name)
        if row is None:
            lease = Lease(name, holder, 1, expires)
            add(connection, tables.leases, _values(lease))
            return lease
        if row["holder"] and (over is None or _lease(row) != over):
            raise LockHeld(f"another process holds {name}", hint="wait for it to end, then type the same command again")
        lease = Lease(name, holder, row["token"] + 1, expires)
        change(connection, tables.leases, {"name": name}, _values(lease))
    return lease


def extend(store: Store, lease: Lease, expires: dt.datetime) -> Lease:
    """A sign of life; ``LeaseLost`` when another holder has taken over."""
    with store.transaction() as connection:
        require(store, lease)
        connection.execute(
            tables.leases.update().where(tables.leases.c.name == lease.name).values(expires=rows.moment(expires))
        )
    return Lease(lease.name, lease.holder, lease.token, expires)


def require(store: Store, lease: Lease) -> None:
    """Nothing, while the lease has the highest token; ``LeaseLost`` otherwise. Call it in the transaction that it guards."""
    row = _row(store, lease.name)
    if row is None or row["token"] != lease.token or row["holder"] != lease.holder:
        raise LeaseLost(
            f"another process has taken over {lease.name}; nothing of this one is published", hint="workbench runs ls"
        )


def release(store: Store, lease: Lease) -> None:
    """Give a lease back; nothing happens when another holder has it by now."""
    row = _row(store, lease.name)
    if row is None or (row["token"], row["holder"]) != (lease.token, lease.holder):
        return
    with store.transaction() as connection:
        mine = {"name": lease.name, "token": lease.token, "holder": lease.holder}
        change(connection, tables.leases, mine, {"holder": ""})


def _row(store: Store, name: str) -> Mapping[str, Any] | None:
    found = store.select(tables.leases, name=name)
    return found[0] if found else None


def _lease(row: Mapping[str, Any]) -> Lease:
    return Lease(row["name"], row["holder"], row["token"], dt.datetime.fromisoformat(row["expires"]))


def _values(lease: Lease) -> dict[str, Any]:
    return {"name": lease.name, "holder": lease.holder, "token": lease.token, "expires": rows.moment(lease.expires)}
