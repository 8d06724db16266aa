"""The scheduler: plans, begins what is due side by side, and leaves every decision that counts to the store.

Any number of schedulers may work on one workspace, and each may die at any moment: a run is begun, ended and published under
the lease of its pipeline, and the account of intervals changes in the same transactions.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from workbench.config import Workspace
from workbench.errors import FileLocked, InfrastructureError, LockHeld, WorkbenchError, infrastructure
from workbench.operate import idle, lease
from workbench.operate.clock import Clock
from workbench.operate.definitions import Reader
from workbench.operate.intervals import Account, NothingToDo, give_back, leave_out
from workbench.operate.plan import Plan, Progress, plan
from workbench.runtime.failpoint import reached
from workbench.store import Store, intervals, leases
from workbench.store.records import RunRecord

TICK = 1.0  # seconds between two looks
AHEAD = dt.timedelta(minutes=1)  # before the first run of a service is due, the service imports what runs take
SHARE = 0.03  # of the time is spent on planning at most, while what was planned last is not all begun
PATIENCE = 2  # times in a row that a lock is held, or nothing can be written down, before a single pass gives up


@dataclass(slots=True)
class Scheduler:
    """One scheduler of one workspace. ``say`` gets a line for each thing that happens.

    At most ``jobs`` runs compute at once. While one publishes what it has computed, and waits for disks, the next one computes;
    as many as compute may publish, one after the other.

    ``aside`` does what runs give rise to and production need not wait for; it is asked to end by what it is given.
    """

    workspace: Workspace
    who: str
    say: Callable[[str], None]
    jobs: int = 2
    clock: Clock = field(default_factory=Clock)
    aside: Callable[[Callable[[], bool]], None] | None = None
    ended: list[RunRecord] = field(default_factory=list)
    refused: int = 0
    last: Plan = field(default_factory=Plan)
    stopping: bool = False
    problems: dict[str, str] = field(default_factory=dict)  # why pipelines can't be scheduled, as last looked
    _reader: Reader = field(init=False)
    _watch: lease.Watch = field(default_factory=lease.Watch)
    _futures: dict[str, tuple[Account, Future[None]]] = field(default_factory=dict)
    _computed: set[str] = field(default_factory=set)  # of these, those that publish
    _moved: threading.Event = field(default_factory=threading.Event)  # a run has ended, or computes no longer
    _key: str = ""
    _held_up: list[InfrastructureError] = field(default_factory=list)
    _thread: threading.Thread | None = None
    _done: int = -1
    _begun: set[str] = field(default_factory=set)  # since the last look
    _ready: bool = False
    _fresh: float = 0.0  # until when what that found due is begun without another

    def __post_init__(self) -> None:
        self._reader = Reader(self.workspace)

    def look(self) -> Plan:
        """Plan from what is written down now. Changes nothing."""
        started = time.monotonic()
        key = idle.fingerprint(self.workspace)
        with Store.open(self.workspace, read_only=True) as store:
            definitions = self._reader.read(store)
            progress = Progress(intervals.newest(store), intervals.unsettled(store), self._running(store))
        now = self.clock.now()
        self._tell({name: mine.problem for name, mine in definitions.items() if mine.problem})
        self.last = plan(definitions, progress, now, self.workspace.settings.scheduler.pools)
        # While somebody else runs something its process may die, which no file tells.
        settled = not progress.running and not self.last.due and not self.last.skipped
        self._key = key if settled else ""
        self._begun.clear()
        self._fresh = time.monotonic() + (time.monotonic() - started) / SHARE
        return self.last

    def _tell(self, problems: dict[str, str]) -> None:
        """Say once of each pipeline why it can't be scheduled."""
        for name, problem in problems.items():
            if self.problems.get(name) != problem:
                self.say(f"{name} is not scheduled: {problem}")
        self.problems = problems

    def look_again(self) -> Plan:
        """The plan, made anew only when something has changed or its time has come."""
        if self._futures:
            return self._rest()
        unchanged = self._key and self._key == idle.fingerprint(self.workspace)
        if unchanged and (self.last.wake is None or self.clock.now() < self.last.wake):
            return self.last
        return self.look()

    def _rest(self) -> Plan:
        """What is left of a plan that is fresh enough, else another; whether it is still due its run finds out."""
        left = tuple(each for each in self.last.due if each.pipeline not in self._begun)
        return Plan(left) if left and time.monotonic() < self._fresh else self.look()

    def once(self) -> Plan:
        """Run what is due until nothing is, and return what is left: what is held, and when to look again.

        Raises ``FileLocked`` when another process, which may be stopped, keeps the store or the right to publish, and another
        ``InfrastructureError`` when what went wrong can't even be written down.
        """
        self._held_up.clear()
        with self._threads() as pool:
            while not self.stopping:
                if not self._full():
                    self._begin(pool, self._rest() if self._futures else self.look())
                if not self._futures:
                    break
                self._gather(timeout=TICK)
                if len(self._held_up) >= PATIENCE:
                    raise self._held_up[-1]
        self._step_aside()
        if self._thread is not None:
            self._thread.join()
            if self._key and self._key != idle.fingerprint(self.workspace):
                self.look()
        if self._key and not self.problems:
            idle.remember(self.workspace, self._key, self.last.wake)
        return self.last

    def serve(self, stop: threading.Event, grace: Callable[[], float], beat: Callable[[], None]) -> None:
        """Run what is due until ``stop`` is set; then let runs end for ``grace`` seconds, and end those that have not.

        ``beat`` is called at every look.
        """
        pool = self._threads()
        while not stop.is_set():
            try:
                self._begin(pool, self.look_again())
                self._get_ready()
            except InfrastructureError as error:  # a busy store or a full disk: it may pass
                self.say(f"waits: {error.message}")
                stop.wait(5 * TICK)
            beat()
            if len(self._futures) < self.jobs:
                self._step_aside()
            if self._futures:
                self._gather(timeout=TICK / 5)
            else:
                stop.wait(TICK)
        self.stop(grace)
        pool.shutdown()

    def _get_ready(self) -> None:
        """Once, a little before something is due for the first time; what is due already gets ready by itself."""
        wake = self.last.wake
        if self._ready or wake is None or wake - self.clock.now() > AHEAD:
            return
        from workbench.operate.under_way import get_ready

        self._ready = True
        get_ready()

    def stop(self, grace: Callable[[], float]) -> None:
        """Begin nothing more; let runs end for ``grace`` seconds (asked again and again), then end them."""
        self.stopping = True
        if self._futures:
            self.say(f"stopping; waiting for {', '.join(sorted(self._futures))}")
        started = time.monotonic()
        while self._futures and time.monotonic() - started < grace():
            self._gather(timeout=TICK / 5)
        busy = self._thread is not None and self._thread.is_alive()
        if not self._futures and not busy:
            return
        from workbench.runtime.forked import cool_down

        left = [account for account, _ in self._futures.values()]
        cool_down("the scheduler was stopped")  # the processes that run cells end with the one that they were forked from
        while self._futures:
            self._gather(timeout=TICK)
        with Store.open(self.workspace) as store:
            for account in left:
                give_back(store, account, now=self.clock.now())

    def _step_aside(self) -> None:
        """Begin, in a thread of its own, what the runs that have ended since the last time give rise to."""
        busy = self._thread is not None and self._thread.is_alive()
        if self.aside is None or busy or self._done == len(self.ended):
            return
        self._done = len(self.ended)
        self._thread = threading.Thread(target=self.aside, args=[lambda: self.stopping], name="workbench-aside", daemon=True)
        self._thread.start()

    def reload(self, workspace: Workspace) -> None:
        """Read all settings again."""
        self.workspace, self._reader, self._key = workspace, Reader(workspace), ""

    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(2 * self.jobs, thread_name_prefix="workbench-run")

    def _full(self) -> bool:
        """Whether as many runs as may compute do so, or as many wait to be published as there are."""
        return len(self._futures) - len(self._computed) >= self.jobs or len(self._futures) >= 2 * self.jobs

    def _begin(self, pool: ThreadPoolExecutor, found: Plan) -> None:
        if found.skipped:
            with Store.open(self.workspace) as store:
                leave_out(store, found.skipped)
            for record in found.skipped:
                self.say(f"{record.pipeline} {record.interval} left out: catching up begins later")
        for account in found.due:
            if self._full():
                return
            if account.pipeline not in self._futures:
                reached("before_scheduled")
                self._begun.add(account.pipeline)
                future = pool.submit(self._run, account)
                self._futures[account.pipeline] = account, future
                future.add_done_callback(lambda _: self._moved.set())

    def _gather(self, *, timeout: float) -> None:
        """Wait until a run has ended, or another one may be begun."""
        self._moved.wait(timeout)
        self._moved.clear()
        for name, (_, future) in list(self._futures.items()):
            if future.done():
                del self._futures[name]
                self._computed.discard(name)
                future.result()

    def _run(self, account: Account) -> None:
        """One attempt; whatever goes wrong with it ends it alone."""
        from workbench.operate.run import run_pipeline

        what = f"{account.pipeline} {account.interval}"
        now = self.clock.now()

        def computed() -> None:
            self._computed.add(account.pipeline)
            self._moved.set()

        try:
            run = run_pipeline(
                self.workspace,
                account.pipeline,
                interval=account.wanted,
                who=self.who,
                now=now,
                account=account,
                watch=self._watch,
                computed=computed,
            )
        except NothingToDo:
            return
        except LockHeld as error:
            self.say(f"{what} waits: {error.message}")
            self._wait(error if isinstance(error, FileLocked) else None)
        except WorkbenchError as error:
            self._refuse(account, error, now)
            self.say(f"{what} failed: {error.message}{f'; next: {error.hint}' if error.hint else ''}")
        except Exception as error:  # a fault of ours must not end the service
            self._refuse(account, infrastructure(error) or WorkbenchError(f"{type(error).__name__}: {error}"), now)
            self.say(f"{what} failed: {type(error).__name__}: {error}")
        else:
            reached("after_scheduled")
            self._held_up.clear()
            self.ended.append(run)
            self.say(f"{what} {run.id} {run.status} in {run.facts['seconds']:.1f} s{': ' * bool(run.error)}{run.error}")

    def _refuse(self, account: Account, error: WorkbenchError, now: dt.datetime) -> None:
        self.refused += 1
        try:
            with Store.open(self.workspace) as store:
                account.refused(store, error, now=now)
        except Exception as unwritten:  # it stays due, and would be begun again at once and for ever
            known = unwritten if isinstance(unwritten, InfrastructureError) else infrastructure(unwritten)
            self._wait(known or InfrastructureError(f"{type(unwritten).__name__}: {unwritten}"))

    def _wait(self, why: InfrastructureError | None) -> None:
        """Before what is still due is looked at again; a single pass gives up for a reason that holds everything up."""
        if why is not None:
            self._held_up = [*self._held_up, why][-PATIENCE:]
        time.sleep(TICK)

    def _running(self, store: Store) -> frozenset[str]:
        """The pipelines that run now, here or elsewhere; not those whose process is taken for dead."""
        now, seconds = dt.datetime.now(dt.UTC), lease.seconds_of(self.workspace)
        held = {lease.pipeline_of(each): each for each in leases.held(store)}
        others = {name for name, each in held.items() if name not in self._futures}
        return frozenset(self._futures) | {name for name in others if not self._watch.abandoned(held[name], seconds, now)}
