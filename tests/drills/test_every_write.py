"""A blow at every write, fsync, rename and commit of a run, a publication, a rollback, a backfill, a release and a scheduler.

Kills fall before each call that changes a file, which is after the one before it, and after the last. All processes at once:
one run, of which each call is held until what the workspace holds is kept, leaves all that such kills can leave. One process
alone: at each call of the one that runs cells it dies, or the warm process that it was forked from; at some calls of any, the
command. Disks are full, read-only or broken from each call on that they would refuse, until the command has ended. Each time
readers must see old or new, whoever was told of success has it, and the same command again ends with the new data, everything
on the record once, nothing left behind.

In the suite a call of a publication is struck; as a drill all are. ``WORKBENCH_DRILL_STEP`` strikes each n-th alone.
"""

from __future__ import annotations

import collections
import contextlib
import io
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import Stages
from tests.drills.strokes import FAILING, Blow, Call, Server, Struck, supported
from tests.operate.conftest import DAILY, DAILY_CONTRACT, PYPROJECT, TOTALS, TOTALS_CONTRACT, Production
from workbench.cli.main import main
from workbench.config import find_workspace
from workbench.runtime.views import read_current
from workbench.store import Store, backfills, intervals, leases

pytestmark = pytest.mark.skipif(not supported(), reason="processes can be watched so on Linux, x86_64")
KILLS = ("before",)
DISKS = ("full", "read-only", "broken")
STEP = int(os.environ.get("WORKBENCH_DRILL_STEP", "1"))
SELDOM = 8  # the command alone is killed at so many calls once: what that leaves is in the album but for what others still do


@dataclass
class Journey:
    """One command in a folder that is put back before each blow."""

    root: Path
    body: tuple[str, ...]
    again: Callable[[], int]
    moves: int = 1
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    seen: set[tuple[tuple[str, str], ...]] = field(default_factory=set)

    @property
    def base(self) -> Path:
        return self.root.with_name("base")

    def restore(self, kept: Path | None = None) -> None:
        for each in list(self.root.iterdir()):
            shutil.rmtree(each) if each.is_dir() else each.unlink()
        shutil.copytree(kept or self.base, self.root, dirs_exist_ok=True)

    def readers(self) -> dict[str, str]:
        """The snapshots that readers see; their names are hashes of their bytes."""
        shown = read_current(self.root / "warehouse").views
        return {name: view.snapshot for name, view in shown.items()}

    def learn(self, server: Server, album: Path | None = None) -> tuple[Call, ...]:
        """Run it once to its end: what it writes and where it leads. ``root`` is kept as it is now."""
        shutil.copytree(self.root, self.base)
        self.before = self.readers()
        ran = server.strike(self.root, *self.body, album=album)
        assert ran.code == 0, ran.err
        self.after = self.readers()
        assert self.problems() == []
        assert (self.before != self.after) == (self.moves > 0)
        return ran.calls

    def between(self) -> bool:
        """Whether readers see old or new; where a command moves several times, each pipeline old or new or in between."""
        seen = self.readers()
        if self.moves <= 1:
            return seen in (self.before, self.after)
        return seen.keys() == self.after.keys()

    def problems(self) -> list[str]:
        """What is wrong, once the command has come to its end."""
        found = [] if self.readers() == self.after else [f"readers see {self.readers()}, not {self.after}"]
        workspace = find_workspace(self.root)
        with Store.open(workspace, read_only=True) as store:
            found += [problem.message for problem in store.verify_ledger()]
            found += [f"{each.id} was begun and never ended" for each in store.operations(state="begun")]
            found += [f"{each.id} is said to run" for each in store.runs(status="running")]
            found += [f"{each.name} is held" for each in leases.held(store)]
            found += [f"{each.pipeline} {each.interval} is {each.state}" for each in intervals.unsettled(store)]
            found += [f"{each.id} is {each.state}" for each in backfills.find(store, active=True)]
            done = [each.id for each in store.operations(state="done")]
            entries = [entry.payload["operation"] for entry in store.ledger() if "operation" in entry.payload]
            if sorted(done) != sorted(entries):
                found.append(f"operations {done}, on the ledger {entries}")
        return found

    def left_behind(self) -> list[str]:
        """Temporary files that are still there when the doctor was asked an hour later."""
        for path in self.temporary():
            os.utime(path, (0, 0))
        quiet("doctor")
        return [str(path.relative_to(self.root)) for path in self.temporary()]

    def temporary(self) -> list[Path]:
        folders = [self.root / name for name in ("warehouse", "promoted", ".workbench")]
        return sorted(path for folder in folders for name in (".tmp-*", ".*.tmp") for path in folder.rglob(name))


@dataclass
class Tally:
    """What was struck, and the slowest recovery."""

    blows: collections.Counter[str] = field(default_factory=collections.Counter)
    slowest: float = 0.0

    def hold(self, server: Server, journey: Journey, blow: Blow) -> None:
        journey.restore()
        struck = server.strike(journey.root, *journey.body, blow=blow)
        if struck.fell:
            self.blows[f"{blow.how} {blow.whom}"] += 1
        where = (blow, struck.calls[blow.at - 1] if len(struck.calls) >= blow.at else None, struck.err[-3000:])
        if blow.how in DISKS:
            assert "Traceback" not in struck.err, where
            assert struck.code in (0, 1, 5), (where, struck.code)
        self.settle(journey, struck, where)

    def settle(self, journey: Journey, struck: Struck, where: object) -> None:
        """Readers see old or new; the same command again ends with the new data, and everything is in order."""
        assert struck.code != 1000, where
        assert journey.between(), where
        if struck.code == 0:
            assert journey.readers() == journey.after, where
        began = time.monotonic()
        code = journey.again()
        self.slowest = max(self.slowest, time.monotonic() - began)
        assert code == 0, (where, code)
        assert journey.problems() == [], where
        assert journey.left_behind() == [], where


def telling(calls: tuple[Call, ...]) -> list[int]:
    """The numbers of the calls that are struck: of writes to one file that follow each other the first and the last."""
    found = []
    for number, call in enumerate(calls, 1):
        around = calls[max(0, number - 2) : number + 1]
        if len(around) < 3 or call.what != "write" or any(each != call for each in around):
            found.append(number)
    return found


def blows(calls: tuple[Call, ...], kinds: tuple[str, ...], step: int) -> Iterator[Blow]:
    """The blows at each ``step``-th call; disks fail at what they would refuse, since until there they are sound."""
    for number in telling(calls)[::step]:
        call = calls[number - 1]
        for how in kinds:
            if how in DISKS:
                if call.what in FAILING[how][1]:
                    yield Blow(number, how)
                continue
            if call.role != "command":
                yield Blow(number, how)
                yield Blow(number, how, "warm")
            if number % SELDOM == 0:
                yield Blow(number, how, "command")
    if "before" in kinds:
        yield Blow(len(calls), "after")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as made:
        yield made


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Production:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "pyproject.toml").write_text("[tool.workbench]\n" + PYPROJECT)
    monkeypatch.chdir(root)
    monkeypatch.setenv("WORKBENCH_USER", "ada@example.org")
    made = Production(find_workspace(root))
    made.orders(3)
    made.publish(DAILY_CONTRACT, DAILY)
    return made


def quiet(*arguments: str) -> int:
    """A command in this process, what it says left out."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return main(list(arguments))


def typed(*arguments: str) -> Callable[[], int]:
    return lambda: quiet(*arguments)


def first_run(made: Production, _: Stages) -> Journey:
    """The first run of all, which also makes the store and the ledger's key."""
    made.orders(2, first="2024-01-04", name="new")
    return Journey(made.root, ("command", "run", "daily_sales"), typed("run", "daily_sales"))


def interval_run(made: Production, _: Stages) -> Journey:
    """A later run for one interval."""
    made.go()
    made.orders(2, first="2024-01-04", name="new")
    span = ("run", "daily_sales", "--interval", "2024-01-04..2024-01-05")
    return Journey(made.root, ("command", *span), typed(*span))


def backfill(made: Production, _: Stages) -> Journey:
    """Two intervals, one after the other."""
    made.go()
    made.orders(2, first="2024-01-04", name="new")
    assert quiet("backfill", "daily_sales", "--from", "2024-01-04", "--to", "2024-01-06", "--plan", "p.json") == 0
    apply = ("backfill", "--apply", "p.json")
    return Journey(made.root, ("command", *apply), typed(*apply), moves=2)


def scheduler(made: Production, _: Stages) -> Journey:
    """Two pipelines, one reading the other."""
    from tests.drills.test_scheduler_kills import Shop as Scheduled

    made.publish(TOTALS_CONTRACT, TOTALS)
    with (made.root / "pyproject.toml").open("a") as stream:
        stream.write('\n[tool.workbench.scheduler]\nlease = "1s"\n')
    for name, schedule in (("daily_sales", "0 6 * * *"), ("sales_total", "after inputs")):
        (made.root / "promoted" / name / "pipeline.toml").write_text(
            f'schedule = "{schedule}"\nstart = 2024-01-03\ncatch_up = "all"\nretries = 100\nretry_delay = "1s"\n'
        )
    shop = Scheduled(made)
    shop.recover()
    shop.grow()

    def again() -> int:
        shop.recover()
        assert shop.problems() == []
        return 0

    return Journey(made.root, ("scheduler", shop.moment.isoformat()), again, moves=2)


def publish(_: Production, stages: Stages) -> Journey:
    """Two pipelines of a promotion, together."""
    root = staged(stages)
    return Journey(root, ("command", "publish", "P-2"), typed("publish", "P-2"))


def rollback(_: Production, stages: Stages) -> Journey:
    """The same two, back."""
    root = staged(stages)
    assert quiet("publish", "P-2") == 0

    def again() -> int:
        # Typed once more after it was carried out, it would be refused: there is nothing before the first version.
        return 0 if journey.readers() == journey.after and quiet("doctor") == 0 else quiet("rollback", "daily_sales")

    journey = Journey(root, ("command", "rollback", "daily_sales"), again)
    return journey


def staged(stages: Stages) -> Path:
    root = Path.cwd()
    with contextlib.chdir(root.parent):
        shutil.rmtree(root)
        stages.copy("two_versions", root)
    os.chdir(root)
    return root


def release(made: Production, _: Stages) -> Journey:
    """Rows that were held back, shown to readers."""
    from dataclasses import replace

    from workbench.model import Check

    checks = (Check("between", ("revenue",), {"low": 0, "high": 1000}, "quarantine"),)
    made.publish(replace(DAILY_CONTRACT, checks=checks), DAILY)
    made.orders(1, first="2024-01-04", name="new", amount="2000.0")
    made.go()
    release = ("quarantine", "release", "Q-1", "--why", "refunds")

    def again() -> int:
        with Store.open(find_workspace(made.root), read_only=True) as store:
            from workbench.store import quarantine

            (held,) = quarantine.find(store)
        return 0 if held.state == "released" else quiet(*release)

    return Journey(made.root, ("command", *release), again)


def demote(made: Production, _: Stages) -> Journey:
    """A pipeline that readers see no longer."""
    made.go()
    leave = ("demote", "daily_sales", "--withdraw", "--why", "counts twice")
    return once(made, leave)


def bring_back(made: Production, _: Stages) -> Journey:
    """The same pipeline, back."""
    made.go()
    assert quiet("demote", "daily_sales", "--withdraw", "--why", "counts twice") == 0
    return once(made, ("demote", "daily_sales", "--undo", "--why", "counts once"))


def once(made: Production, command: tuple[str, ...]) -> Journey:
    """A command that is refused when it was carried out already."""

    def again() -> int:
        return quiet("doctor") if journey.readers() == journey.after else quiet(*command)

    journey = Journey(made.root, ("command", *command), again)
    return journey


def collect(made: Production, _: Stages) -> Journey:
    """What nobody needs any more goes; readers see the same."""
    for amount in ("20.0", "21.0", "22.0"):
        made.orders(2, first="2024-01-04", name="new", amount=amount)
        made.go()
    (made.root / "promoted" / "daily_sales" / "pipeline.toml").write_text('retention = "1s"\n')
    time.sleep(2)
    return Journey(made.root, ("command", "gc", "--grace", "0s"), typed("gc", "--grace", "0s"), moves=0)


JOURNEYS = (first_run, interval_run, backfill, scheduler, publish, rollback, release)
AT_ONCE = (*JOURNEYS, demote, bring_back, collect)


RUN = ("after_run_begun", "after_run_executed")
MOVE = (
    "after_intent", "before_swap", "after_write_new", "after_swap", "before_done", "after_done", "after_ledger_head",
)  # fmt: skip
POINTS: dict[Callable[[Production, Stages], Journey], tuple[str, ...]] = {
    interval_run: (*RUN, *MOVE, "after_run_published"),
    backfill: ("after_backfill_begun", *RUN, *MOVE, "after_run_published", "after_backfill_interval"),
    scheduler: ("before_scheduled", *RUN, *MOVE, "after_run_published", "after_scheduled"),
    publish: MOVE,
    rollback: MOVE,
    release: MOVE,
}


def test_every_fail_point_is_struck() -> None:
    """The names that the code passes to ``reached`` are those that are struck here, or that another test names."""
    home = Path(__file__).resolve().parents[2]
    package, here = home / "workbench", {point for points in POINTS.values() for point in points}
    named = re.compile(r"\breached\(\"([^\"]+)\"\)")
    passed = {name for file in package.rglob("*.py") for name in named.findall(file.read_text()) if file.name != "failpoint.py"}
    others = [file.read_text() for file in (home / "tests").rglob("test_*.py") if file != Path(__file__)]
    assert here <= passed
    assert {point for point in passed - here if not any(f'"{point}"' in text for text in others)} == set()


@pytest.mark.drill
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("journey", POINTS, ids=lambda each: each.__name__)
def test_killed_at_every_fail_point(journey, server: Server, workspace: Production, stages: Stages) -> None:
    made, tally = journey(workspace, stages), Tally()
    made.learn(server)
    for point in POINTS[journey]:
        made.restore()
        struck = server.strike(made.root, *made.body, WORKBENCH_FAIL_AT=point)
        assert struck.code == 137, (point, struck)
        tally.settle(made, struck, point)
    print(f"\n{journey.__name__}: {len(POINTS[journey])} fail-points; slowest recovery {tally.slowest:.1f} s", file=sys.stderr)


def not_durable(calls: tuple[Call, ...]) -> list[str]:
    """Files that readers and the ledger rely on, and that had their names before their bytes were durable, or never durably."""
    found = []
    for number, call in enumerate(calls):
        working = ".tmp-" in os.path.dirname(call.to) or call.to.endswith("/.current.json")  # looked at before it is believed
        if call.what == "rename" and call.to.startswith(("warehouse/", "promoted/")) and not working:
            before, after = calls[:number], calls[number:]
            if not any(each.what == "fsync" and each.path == call.path for each in before):
                found.append(f"{call.to} was renamed before its bytes were durable")
            if not any(each.what == "fsync" and each.path == os.path.dirname(call.to) for each in after):
                found.append(f"the name of {call.to} was never made durable")
    return found


@pytest.mark.drill
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("journey", POINTS, ids=lambda each: each.__name__)
def test_bytes_are_durable_before_their_names(journey, server: Server, workspace: Production, stages: Stages) -> None:
    calls = journey(workspace, stages).learn(server)
    assert not_durable(calls) == []
    assert [each for each in calls if each.what == "rename" and each.to == "warehouse/current.duckdb"]
    assert not_durable(tuple(each for each in calls if each.what != "fsync")) != []


@pytest.mark.parametrize("blow", [Blow(60, "before"), Blow(60, "full"), Blow(60, "read-only")], ids=lambda each: each.how)
def test_a_blow_in_the_middle_of_a_publication(blow, server: Server, workspace: Production, stages: Stages) -> None:
    made, tally = publish(workspace, stages), Tally()
    made.learn(server)
    tally.hold(server, made, blow)
    assert sum(tally.blows.values()) == 1


@pytest.mark.drill
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kinds", [KILLS, DISKS], ids=["killed", "disks"])
@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda each: each.__name__)
def test_a_blow_at_every_write(journey, kinds, server: Server, workspace: Production, stages: Stages, capfd) -> None:
    made, tally = journey(workspace, stages), Tally()
    calls = made.learn(server)
    struck = list(blows(calls, kinds, STEP))
    found = []
    for blow in struck:
        try:
            tally.hold(server, made, blow)
        except AssertionError as error:  # the others are struck all the same
            found.append(str(error))
            print(f"\n{journey.__name__}: {error}", file=sys.__stderr__, flush=True)
    with capfd.disabled():
        said = ", ".join(f"{count} {how}" for how, count in sorted(tally.blows.items()))
        print(f"\n{journey.__name__}: {len(calls)} calls; {said}; slowest recovery {tally.slowest:.1f} s", file=sys.stderr)
    assert found == []
    assert sum(tally.blows.values()) > len(struck) * 0.8


@pytest.mark.drill
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("journey", AT_ONCE, ids=lambda each: each.__name__)
def test_all_killed_at_once_at_every_write(journey, server: Server, workspace: Production, stages: Stages, capfd) -> None:
    made, tally = journey(workspace, stages), Tally()
    album = made.root.with_name("album")
    calls = made.learn(server, album)
    kept, found = sorted(album.iterdir()), []
    for each in kept[::STEP]:
        made.restore(each)
        number = int(each.name)
        where = (number, calls[number - 1] if number <= len(calls) else "the end")
        try:
            tally.settle(made, Struck(calls, -signal.SIGKILL, True, "", ""), where)
        except AssertionError as error:
            found.append(str(error))
            print(f"\n{journey.__name__}: {error}", file=sys.__stderr__, flush=True)
    with capfd.disabled():
        said = f"{len(calls)} calls leave {len(kept)} states, {len(kept[::STEP])} gone on from"
        print(f"\n{journey.__name__}: {said}; slowest recovery {tally.slowest:.1f} s", file=sys.stderr)
    assert found == []
    assert len(kept) > len(calls) / 4
