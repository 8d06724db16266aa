"""Whether anybody carries out a backfill: whoever does holds its lease, and gives signs of life."""

from __future__ import annotations

import datetime as dt

from workbench.operate import lease, process
from workbench.store import Store, backfills, leases
from workbench.store.records import BackfillRecord


def lease_name(identity: str) -> str:
    """What stands for a backfill where leases have the names of pipelines; no pipeline's name has a space.

    >>> lease_name("B-1")
    'backfill B-1'
    """
    return f"backfill {identity}"


def is_carried_out(store: Store, identity: str) -> bool:
    """Whether a process carries out a backfill; one of another machine as long as its lease has not run out."""
    found = leases.find(store, lease.name_of(lease_name(identity)))
    if found is None or lease.is_gone(found):
        return False
    return found.holder.startswith(f"{process.host()} ") or found.expires >= dt.datetime.now(dt.UTC)


def stopped(store: Store) -> tuple[BackfillRecord, ...]:
    """Backfills that say they run, and that nobody carries out any more."""
    found = backfills.find(store, active=True)
    return tuple(each for each in found if each.state == "running" and not is_carried_out(store, each.id))


def give_up(store: Store, identity: str) -> None:
    """Free the lease of a process that is gone, where nobody is to take it over."""
    found = leases.find(store, lease.name_of(lease_name(identity)))
    if found is not None:
        leases.release(store, found)
