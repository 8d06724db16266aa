"""The diff of TPC-H's line items at any scale factor beside the time that hashing every row of both tables once takes.

``make bench-tpch SCALE=10``: Parquet files by ``tpchgen-cli`` (60 million rows at scale factor 10) and their mutated copy (0.1%
of the rows changed, 0.05% added, 0.05% removed), in a folder that is gone afterwards. Limit and comparison each run in a
process of their own, with two threads.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "peers"))
from peak import mib

KEY = ["l_orderkey", "l_linenumber"]
MUTATED = """
    SELECT * REPLACE (CASE WHEN hash(l_orderkey, l_linenumber, 'c') % 1000 = 0 THEN l_extendedprice + 1 ELSE l_extendedprice END
        ::DECIMAL(15, 2) AS l_extendedprice)
    FROM base WHERE hash(l_orderkey, l_linenumber, 'r') % 2000 > 0
    UNION ALL SELECT * REPLACE (l_orderkey + 1000000000 AS l_orderkey) FROM base
    WHERE hash(l_orderkey, l_linenumber, 'a') % 2000 = 0
"""
# At most so many times the limit, and so many MiB.
GOALS = {10: (2.7, 4096)}


def make(generator: str, scale: float, folder: Path) -> None:
    """Write base.parquet and mutated.parquet."""
    import duckdb

    asked = ["parquet", "-s", f"{scale:g}", "--tables=lineitem", f"--output-dir={folder}", "--num-threads=2"]
    subprocess.run([generator, *asked], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.replace(folder / "lineitem.parquet", folder / "base.parquet")
    with duckdb.connect(config={"threads": 2, "memory_limit": "3GB", "temp_directory": str(folder / "spill")}) as con:
        con.execute("SET preserve_insertion_order = false")
        con.execute(f"CREATE VIEW base AS FROM read_parquet('{folder}/base.parquet')")
        con.execute(f"COPY ({MUTATED}) TO '{folder}/mutated.parquet' (COMPRESSION snappy)")


def limit(folder: Path) -> dict[str, float | str]:
    """Hash every row of both tables once."""
    import duckdb

    with duckdb.connect(config={"threads": 2}) as con:
        names = ", ".join(f'"{name}"' for name, *_ in con.execute(f"DESCRIBE FROM '{folder}/base.parquet'").fetchall())
        both = " UNION ALL ".join(f"SELECT hash({names}) AS h FROM '{folder}/{name}.parquet'" for name in ("base", "mutated"))
        return measured(lambda: str(con.execute(f"SELECT count(*), sum(h) FROM ({both})").fetchall()[0][0]))


def ours(folder: Path) -> dict[str, float | str]:
    import ibis

    from workbench.promote.diff import diff
    from workbench.promote.diff.files import open_table

    con = ibis.duckdb.connect(threads=2, temp_directory=str(folder / "spill"))
    base, mutated = (open_table(con, f"{folder}/{name}.parquet", name) for name in ("base", "mutated"))

    def compare() -> str:
        rows = diff(base, mutated, key=KEY, distributions=False).rows
        return f"+{rows.added:,} -{rows.removed:,} ~{rows.changed:,} ={rows.unchanged:,}"

    return measured(compare)


def measured(work: Callable[[], str]) -> dict[str, float | str]:
    start, used = time.perf_counter(), time.process_time()
    said = work()
    clock, processor = time.perf_counter() - start, time.process_time() - used
    return {"clock": clock, "processor": processor, "mib": mib(), "said": said}


def main(generator: str, scale: str) -> None:
    with tempfile.TemporaryDirectory(prefix="workbench-tpch-") as place:
        folder = Path(place)
        make(generator, float(scale), folder)
        found = {}
        for name in ("limit", "ours"):
            command = [sys.executable, __file__, name, place]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{name}: {done.stderr.strip().splitlines()[-1]}")
            found[name] = json.loads(done.stdout)
        floor, mine = found["limit"], found["ours"]
        ratios = ", ".join(f"{kind} {mine[kind] / floor[kind]:.2f}x" for kind in ("clock", "processor"))
        times, most = GOALS.get(int(float(scale)), (None, None))
        goal = f" (goals {times}x, {most:,} MiB)" if times else ""
        print(f"TPC-H, scale factor {scale}, Parquet: hashing all {floor['said']} rows once takes {floor['clock']:.2f} s")
        print(f"  mutated   {mine['clock']:8.2f} s  {ratios}  {mine['mib']:,} MiB{goal}  {mine['said']}")


if __name__ == "__main__":
    if sys.argv[1] in ("limit", "ours"):
        print(json.dumps({"limit": limit, "ours": ours}[sys.argv[1]](Path(sys.argv[2]))))
    else:
        main(*sys.argv[1:])
