"""Many pipelines by us, by dbt with DuckDB and by SQLMesh, and single runs beside stock papermill: ``make bench-schedulers``.

Each pipeline sums a column by day: of one small Parquet file (fan-out), or of the pipeline before it (chain); its result is a
table. Ours also executes and keeps a notebook in a process of its own for each, checks its contract, and publishes durably.
Two pipelines at a time, each tool in a process of its own, one after the other. Telemetry of the others is off.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SHAPES = (("chain", 50), ("fan-out", 50), ("fan-out", 200))
QUIET = {
    "DO_NOT_TRACK": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DBT_VERSION_CHECK": "false",
    "SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "true",
    "NO_COLOR": "1",
}
SUM = "SELECT day, SUM(amount) + {number} AS amount FROM {source} GROUP BY day"
Took = dict[str, float]


def run(command: list[str], folder: Path) -> Took:
    """Seconds and processor seconds of a command, with all that it starts."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=folder, env={**os.environ, **QUIET}, capture_output=True, text=True, check=False)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return {"seconds": seconds, "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def ours(what: str, *rest: str) -> Any:
    """What ``ours.py`` says."""
    done = subprocess.run([sys.executable, str(HERE / "ours.py"), what, *rest], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


def right(file: Path, schema: str, shape: str, count: int, python: Path) -> None:
    """Hold that the last table has what ours has: each day 245, and what was added on the way."""
    added = sum(range(count)) if shape == "chain" else count - 1
    ask = (
        f"import duckdb; con = duckdb.connect({str(file)!r}, read_only=True)\n"
        f"found = con.sql('SELECT amount FROM {schema}.p{count - 1:05}').fetchall()\n"
        f"assert found == [({245.0 + added},)] * 3, found"
    )
    subprocess.run([str(python), "-c", ask], check=True)


def reads(shape: str, number: int, source: str, before: Callable[[str], str]) -> str:
    return source if shape == "fan-out" or number == 0 else before(f"p{number - 1:05}")


def dbt(bin: Path, root: Path, orders: Path, shape: str, count: int) -> dict[str, Took]:
    """A new project by ``dbt run``, and the same command again, which knows the project."""
    (root / "models").mkdir(parents=True)
    (root / "dbt_project.yml").write_text(
        "name: many\nprofile: many\nmodel-paths: [models]\nmodels: {many: {+materialized: table}}\n"
    )
    (root / "profiles.yml").write_text(
        "many: {target: here, outputs: {here: {type: duckdb, path: warehouse.duckdb, threads: 2}}}\n"
    )
    for number in range(count):
        source = reads(shape, number, f"read_parquet('{orders}')", lambda name: "{{ ref('" + name + "') }}")
        (root / "models" / f"p{number:05}.sql").write_text(SUM.format(number=number, source=source) + "\n")
    command = [str(bin / "dbt"), "run", "--profiles-dir", ".", "--quiet", "--threads", "2"]
    took = {"dbt run, new project": run(command, root), "dbt run, again": run(command, root)}
    right(root / "warehouse.duckdb", "main", shape, count, bin / "python")
    return took


def sqlmesh(bin: Path, root: Path, orders: Path, shape: str, count: int) -> dict[str, Took]:
    """The first plan of a new project, applied, and a run with nothing due."""
    (root / "models").mkdir(parents=True)
    (root / "config.yaml").write_text(
        "gateways: {here: {connection: {type: duckdb, database: warehouse.duckdb, concurrent_tasks: 2}}}\n"
        "default_gateway: here\nmodel_defaults: {dialect: duckdb, start: 2024-01-01}\ndisable_anonymized_analytics: true\n"
    )
    for number in range(count):
        source = reads(shape, number, f"read_parquet('{orders}')", lambda name: f"many.{name}")
        query = SUM.format(number=number, source=source)
        text = f"MODEL (name many.p{number:05}, kind FULL, cron '@daily', columns (day DATE, amount DOUBLE));\n{query};\n"
        (root / "models" / f"p{number:05}.sql").write_text(text)
    plan = run([str(bin / "sqlmesh"), "plan", "--auto-apply", "--no-prompts"], root)
    idle = run([str(bin / "sqlmesh"), "run"], root)
    right(root / "warehouse.duckdb", "many", shape, count, bin / "python")
    return {"sqlmesh plan, first": {**plan, "idle": idle["seconds"], "idle_cpu": idle["cpu"]}}


def many(bin: Path, folder: Path) -> dict[str, dict[tuple[str, int], Took]]:
    """For each tool what each shape took."""
    found: dict[str, dict[tuple[str, int], Took]] = {}
    for shape in SHAPES:
        place = folder / f"{shape[0]}-{shape[1]}"
        asked = shape[0], str(shape[1])
        took = {"ours, service": ours("pipelines", str(place / "ours"), *asked)}
        took["ours, command"] = ours("command", str(place / "command"), *asked)
        orders = place / "ours" / "raw" / "orders" / "orders.parquet"
        took |= dbt(bin, place / "dbt", orders, *shape) | sqlmesh(bin, place / "sqlmesh", orders, *shape)
        for name, each in took.items():
            found.setdefault(name, {})[shape] = each
            print(f"{shape[0]} of {shape[1]}, {name}: {each}", file=sys.stderr, flush=True)
    return found


def slope(took: Mapping[tuple[str, int], Took], what: str) -> float:
    """Milliseconds that one more pipeline of a fan-out takes, from 50 to 200."""
    return (took["fan-out", 200][what] - took["fan-out", 50][what]) / 150 * 1000


def side_by_side(bin: Path, folder: Path) -> None:
    found, heads = many(bin, folder), [f"{shape} of {count}" for shape, count in SHAPES]
    print("many pipelines, two at a time: seconds, and of processor in brackets")
    print(f"{'':22}{''.join(f'{head:>18}' for head in heads)}{'one more, ms':>18}{'nothing due, 50':>18}")
    for tool, took in found.items():
        cells = [f"{took[shape]['seconds']:.1f} ({took[shape]['cpu']:.1f})" for shape in SHAPES]
        cells.append(f"{slope(took, 'seconds'):.0f} ({slope(took, 'cpu'):.0f})")
        idle = took["fan-out", 50]
        cells.append(f"{idle['idle']:.2f} ({idle['idle_cpu']:.2f})" if "idle" in idle else "")
        print(f"{tool:22}{''.join(f'{cell:>18}' for cell in cells)}")


def again_and_again(folder: Path) -> None:
    found: dict[str, Took] = ours("runs", str(folder))
    print("one run again and again; papermill publishes nothing")
    print(f"{'':22}{'seconds a run':>18}{'of processor':>18}{'two at a time, runs a minute':>32}{'50 of them, from that':>26}")
    for tool, took in found.items():
        figures = f"{took['seconds']:>18.3f}{took['cpu']:>18.3f}{took['a_minute']:>32.0f}"
        fifty = 50 * 60 / took["a_minute"]
        print(f"{tool:22}{figures}{f'{fifty:.0f} s':>26}")


def main(peers: str) -> None:
    with tempfile.TemporaryDirectory(prefix="workbench-schedulers-") as folder:
        again_and_again(Path(folder) / "runs")
        side_by_side(Path(peers).resolve(), Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
