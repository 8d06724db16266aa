"""Comparisons by other tools beside ours, on the same files: ``make bench-peers``.

``WORKBENCH_BENCH_ROWS`` sets the rows (default 1,000,000; TPC-H at scale factor 1 has 6,000,000). Each tool runs in a
process of its own, one after the other; the first go of a process is not counted where there is time for a second one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROWS = int(os.environ.get("WORKBENCH_BENCH_ROWS", "1000000"))
# How many times as long as ours a peer is meant to take at least.
GOALS = {"polars": 3.0, "sqlmesh": 15.0}
SLOW = {"reladiff", "datacompy", "sqlmesh"}
PEERS = ("polars", "sqlmesh", "reladiff", "datacompy")


def run(python: str, name: str, base: Path, candidate: Path) -> dict[str, Any] | str:
    times = "1" if name in SLOW and ROWS > 2_000_000 else "3"
    command = [python, str(HERE / "peer.py"), name, str(base), str(candidate), times]
    environment = {**os.environ, "POLARS_MAX_THREADS": "2", "PYTHONPATH": str(HERE.parent.parent) if name == "ours" else ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["ended without a word"])[-1]
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main(peers_python: str) -> None:
    import duckdb

    sys.path.insert(0, str(HERE.parent))
    from test_bench_diff import KEY, LINEITEM, MUTATED, OWN, OWN_COPY

    changes = next(query for what, query, _ in OWN if what == "two columns changed")

    with tempfile.TemporaryDirectory(prefix="workbench-peers-") as folder:
        base, candidate, own, changed = (Path(folder) / f"{name}.parquet" for name in ("base", "candidate", "own", "changed"))
        with duckdb.connect() as con:
            con.execute(f"CREATE TABLE base AS {LINEITEM.format(rows=ROWS)}")
            con.execute(f"COPY base TO '{base}'")
            con.execute(f"COPY ({MUTATED}) TO '{candidate}'")
            for query, path in (("FROM base", own), (changes, changed)):
                con.execute(f"COPY ({query} ORDER BY {', '.join(KEY)}) TO '{path}' {OWN_COPY}")
        beside("mutated, from Parquet of others", peers_python, PEERS, base, candidate)
        tables = Path(folder) / "tables.duckdb"
        with duckdb.connect(tables) as con:
            for path in (base, candidate):
                con.execute(f"CREATE TABLE {path.stem} AS FROM '{path}'")
        beside("mutated, from tables of a DuckDB file", peers_python, ("polars", "sqlmesh"), tables, tables)
        beside("two columns changed, from Parquet that we wrote", peers_python, ("polars",), own, changed)


def beside(what: str, peers_python: str, peers: tuple[str, ...], base: Path, candidate: Path) -> None:
    """Print what ours takes, and each peer."""
    mine = run(sys.executable, "ours", base, candidate)
    assert not isinstance(mine, str), mine
    print(f"{ROWS:,} rows, {what}, two threads")
    print(f"  {'ours':<10} {mine['seconds']:8.2f} s  {mine['cpu']:8.2f} s of processor  {mine['mib']:6,} MiB")
    for name in peers:
        found = run(peers_python, name, base, candidate)
        if isinstance(found, str):
            print(f"  {name:<10} failed: {found}")
            continue
        ratio, goal = found["seconds"] / mine["seconds"], GOALS.get(name)
        wanted = f" (goal {goal:g}x)" if goal else ""
        answers = {key: value for key, value in found.items() if key not in ("seconds", "cpu", "mib")}
        expected = {key: mine[key] for key in answers}
        said = "" if answers == expected else f"  other answer: {answers}, ours: {expected}"
        print(
            f"  {name:<10} {found['seconds']:8.2f} s  {found['cpu']:8.2f} s of processor  {found['mib']:6,} MiB  "
            f"{ratio:6.1f}x of ours{wanted}, {found['cpu'] / mine['cpu']:.1f}x of its processor time{said}"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
