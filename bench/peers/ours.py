"""What ours takes, as JSON: many pipelines by the service or by a command, or one pipeline again and again beside papermill.

Run by ``bench/peers/schedulers.py`` in the environment of the project.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(HOME), str(HOME / "bench")]
PLAIN = """
import ibis, sys
from promoted.p00000.v1 import p00000
p00000(ibis.duckdb.connect().read_parquet("raw/orders/*.parquet")).to_parquet(sys.argv[1])
"""
ROUNDS = 3


def spent() -> float:
    """Seconds of processor time of this process and all below it, those that ended among them."""
    found, ticks = [os.getpid()], 0
    for pid in found:
        with contextlib.suppress(OSError):
            ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
            for file in Path(f"/proc/{pid}/task").glob("*/children"):
                found += map(int, file.read_text().split())
    return ticks / os.sysconf("SC_CLK_TCK")


def timed(work: Callable[[], Any], times: int = 1) -> dict[str, float]:
    """Seconds and processor seconds of one of so many."""
    used, started = spent(), time.perf_counter()
    for _ in range(times):
        work()
    return {"seconds": (time.perf_counter() - started) / times, "cpu": (spent() - used) / times}


def made(root: Path, shape: str, count: int) -> Any:
    """A workspace with so many pipelines, published and due; where this process goes on."""
    from test_bench_scheduler import PYPROJECT, many

    from tests.operate.conftest import Production
    from workbench.config import find_workspace

    root.mkdir(parents=True)
    (root / "pyproject.toml").write_text("[tool.workbench]\n" + PYPROJECT)
    os.chdir(root)
    os.environ["WORKBENCH_USER"] = "ada@example.org"
    production = Production(find_workspace(root))
    many(production, count, lambda number: "orders" if shape == "fan-out" or number == 0 else f"p{number - 1:05}")
    return production


def right(production: Any, shape: str, count: int) -> None:
    """Hold that readers see the last sums: each day 245, and what was added on the way."""
    added = sum(range(count)) if shape == "chain" else count - 1
    assert [row[1] for row in production.read(f"p{count - 1:05}")] == [245.0 + added] * 3


def warm() -> None:
    """As a service is: all imported, and its warm process ready."""
    from workbench.operate.under_way import get_ready

    get_ready()
    time.sleep(5)


def pipelines(root: Path, shape: str, count: int) -> dict[str, float]:
    """All of them by a service that is warm."""
    from test_bench_scheduler import service

    production = made(root, shape, count)
    scheduler = service(production)
    warm()
    took = timed(scheduler.once)
    assert [run.status for run in scheduler.ended] == ["succeeded"] * count
    assert all(run.facts["changed"] for run in scheduler.ended)
    right(production, shape, count)
    return took


def command(root: Path, shape: str, count: int) -> dict[str, float]:
    """All of them by one command, which begins with nothing and has a pass with nothing due after it."""
    production = made(root, shape, count)
    once = [sys.executable, "-m", "workbench", "scheduler", "run", "--once", "--json"]
    told: list[dict[str, Any]] = []

    def typed() -> None:
        told.append(json.loads(subprocess.run(once, capture_output=True, check=True).stdout))

    took = timed(typed)
    assert len(told[0]["runs"]) == count
    right(production, shape, count)
    typed()
    idle = timed(typed, ROUNDS)
    assert told[-1]["runs"] == []
    return {**took, "idle": idle["seconds"], "idle_cpu": idle["cpu"]}


def runs(root: Path) -> dict[str, dict[str, float]]:
    """One pipeline again and again: by us with all that a run is, and its notebook by papermill, which publishes nothing."""
    production = made(root, "fan-out", 2)
    return {
        "ours, warm": ours(production),
        "papermill in process": in_process(),
        "papermill command": commands([sys.executable, "-m", "papermill", *NOTEBOOK, "{name}.ipynb"]),
        "python -c, no notebook": commands([sys.executable, "-c", PLAIN, "{name}.parquet"]),
    }


NOTEBOOK = ("promoted/p00000/v1/run.ipynb",)


def ours(production: Any) -> dict[str, float]:
    from workbench.operate.run import run_pipeline

    days = itertools.count(1)

    def run(name: str) -> None:
        moved = next(days)  # another amount each time, so that each run publishes
        production.orders(3, name=f"orders{name}", amount=f"{20 + moved}.0")
        ended = run_pipeline(production.workspace, name, who="bench", now=dt.datetime.now(dt.UTC))
        assert ended.status == "succeeded"
        assert ended.facts["changed"]

    warm()
    run("p00000")
    run("p00001")
    one = timed(lambda: run("p00000"), 20)
    with ThreadPoolExecutor(2) as pool:
        two = timed(lambda: list(pool.map(lambda name: [run(name) for _ in range(10)], ("p00000", "p00001"))))
    return {**one, "a_minute": 60 * 20 / two["seconds"]}


def _papermill(barrier: Any, number: int) -> None:
    """Run the notebook by stock papermill in this process: once to warm up, then when the others are ready."""
    from papermill import execute_notebook

    for at in range(ROUNDS + 1):
        if at == 1:
            barrier.wait()
        execute_notebook(NOTEBOOK[0], f"in-process-{number}.ipynb", {"workspace": "."}, progress_bar=False, log_output=False)
    barrier.wait()


def in_process() -> dict[str, float]:
    context = multiprocessing.get_context("spawn")

    def side_by_side(count: int) -> dict[str, float]:
        barrier = context.Barrier(count + 1, timeout=300)  # broken where one of them failed
        workers = [context.Process(target=_papermill, args=(barrier, number)) for number in range(count)]
        for each in workers:
            each.start()
        barrier.wait()
        took = timed(barrier.wait)
        for each in workers:
            each.join()
        assert not any(each.exitcode for each in workers)
        return took

    one, two = side_by_side(1), side_by_side(2)
    return {**{name: value / ROUNDS for name, value in one.items()}, "a_minute": 60 * 2 * ROUNDS / two["seconds"]}


def commands(command: list[str]) -> dict[str, float]:
    def typed(name: str) -> None:
        asked = [each.replace("{name}", name) for each in command]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    typed("first")
    one = timed(lambda: typed("one"), ROUNDS)
    with ThreadPoolExecutor(2) as pool:
        two = timed(lambda: list(pool.map(lambda name: [typed(name) for _ in range(ROUNDS)], ("left", "right"))))
    return {**one, "a_minute": 60 * 2 * ROUNDS / two["seconds"]}


def main(what: str, root: str, *rest: str) -> None:
    place = Path(root)
    found = runs(place) if what == "runs" else {"pipelines": pipelines, "command": command}[what](place, rest[0], int(rest[1]))
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
