"""The lease on a pipeline, held while it runs, and when another process may take it over.

Moments are stored by the wall clock, which people and time servers set. So nobody is taken for dead by it alone: either the
process is known to be gone, or no sign of life came for a time that this process measured with a clock that nobody sets.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from workbench.config import Workspace, parse_duration
from workbench.errors import InfrastructureError, LeaseLost, LockHeld
from workbench.operate import process
from workbench.store import Store, leases
from workbench.store.records import Lease

BEATS = 5  # signs of life in the time after which a holder without any is taken for dead


def name_of(pipeline: str) -> str:
    """The name of the lease on running a pipeline."""
    return f"run {pipeline}"


def pipeline_of(lease: Lease) -> str:
    """The pipeline that a lease is for."""
    return lease.name.removeprefix(name_of(""))


def holder() -> str:
    """This process, told apart from all others: machine, number, and when it began."""
    return f"{process.host()} {os.getpid()} {process.started(os.getpid())}"


def is_gone(lease: Lease) -> bool:
    """Whether the process that holds a lease has ended. Only its own machine can tell.

    >>> is_gone(Lease("run p", holder(), 1, dt.datetime.now(dt.UTC)))
    False
    """
    host, pid, began = lease.holder.split(" ")
    return host == process.host() and pid.isdecimal() and not process.alive(int(pid), began)


@dataclass(slots=True)
class Watch:
    """What this process has seen of leases that others hold, and when by ``clock`` (seconds that only ever grow)."""

    clock: Callable[[], float] = time.monotonic
    seen: dict[str, tuple[Lease, float]] = field(default_factory=dict)

    def abandoned(self, lease: Lease, seconds: float, now: dt.datetime) -> bool:
        """Whether a lease may be taken over.

        Its process is gone; or it was seen to go without a sign of life for ``seconds``; or for half of that when it has run
        out by the wall clock too.
        """
        if is_gone(lease):
            return True
        known, at = self.seen.get(lease.name, (None, 0.0))
        if known != lease:
            self.seen[lease.name] = (lease, self.clock())
            return False
        unchanged = self.clock() - at
        return unchanged >= seconds or (lease.expires < now and unchanged >= seconds / 2)


def seconds_of(workspace: Workspace) -> float:
    """How long a run of this workspace may go without a sign of life."""
    return float(parse_duration(workspace.settings.scheduler.lease))


def running(store: Store) -> tuple[str, ...]:
    """The pipelines that somebody runs now."""
    return tuple(pipeline_of(each) for each in leases.held(store))


def take(workspace: Workspace, store: Store, pipeline: str, *, over: Lease | None = None) -> Lease:
    """The lease on running a pipeline, for this process; ``over`` is one that may be taken over."""
    return leases.take(store, name_of(pipeline), holder(), expires=_wall() + _span(workspace), over=over)


def abandoned(workspace: Workspace, store: Store, pipeline: str, *, watch: Watch | None = None) -> Lease | None:
    """The lease on a pipeline that may be taken over, None when it is free; ``LockHeld`` when somebody runs the pipeline.

    Without a ``watch``, which a service keeps, a lease that has run out is looked at for half its time.
    """
    found = leases.find(store, name_of(pipeline))
    if found is None:
        return None
    seconds, patient = seconds_of(workspace), watch is None
    watch = Watch() if watch is None else watch
    if watch.abandoned(found, seconds, _wall()):
        return found
    if patient and found.expires < _wall():
        time.sleep(seconds / 2)
        again = leases.find(store, name_of(pipeline))
        if again is None or watch.abandoned(again, seconds, _wall()):
            return again
    raise LockHeld(f"another run of {pipeline} is under way", hint=f"workbench runs ls {pipeline}")


@contextlib.contextmanager
def kept(workspace: Workspace, store: Store, lease: Lease, on_lost: Callable[[], None]) -> Iterator[None]:
    """While it lasts, a thread gives signs of life; ``on_lost`` is called from it once another holder has taken over."""
    seconds, done = seconds_of(workspace), threading.Event()

    def beat() -> None:
        while not done.wait(seconds / BEATS):
            try:
                with Store.open(workspace) as own:  # a store belongs to one thread
                    leases.extend(own, lease, _wall() + _span(workspace))
            except LeaseLost:
                if not done.is_set():  # else it was released meanwhile
                    on_lost()
                return
            except InfrastructureError:
                continue  # a full disk or a busy store may pass before the lease runs out

    thread = threading.Thread(target=beat, name=f"workbench-lease-{lease.name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        with contextlib.suppress(InfrastructureError):
            leases.release(store, lease)


def _wall() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _span(workspace: Workspace) -> dt.timedelta:
    return dt.timedelta(seconds=seconds_of(workspace))
