"""One comparison of two Parquet files by one tool, in a process of its own: prints seconds, counts and peak memory as JSON.

Each peer is used as its documentation shows, and must count the rows that were added, removed and changed. Run by
``bench/peers/run.py``; the environment of the peers is ``.venv-peers``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from peak import mib

KEY = ["l_orderkey", "l_linenumber"]


def ours(base: Path, candidate: Path) -> dict[str, Any]:
    import ibis

    from workbench.promote.diff import diff

    con = ibis.duckdb.connect()
    con.raw_sql("SET threads = 2")
    rows = diff(con.read_parquet(base), con.read_parquet(candidate), key=KEY, distributions=False).rows
    return {"added": rows.added, "removed": rows.removed, "changed": rows.changed}


def polars_join(base: Path, candidate: Path) -> dict[str, Any]:
    import polars as pl

    ours, theirs = (pl.scan_parquet(path).with_columns(pl.lit(True).alias(f"in_{path.stem}")) for path in (base, candidate))
    values = [name for name in ours.collect_schema().names() if name not in KEY and not name.startswith("in_")]
    both = ours.join(theirs, on=KEY, how="full", coalesce=True, nulls_equal=True, suffix="_theirs")
    flags = [pl.col(name).ne_missing(pl.col(f"{name}_theirs")).alias(name) for name in values]
    here, there = pl.col(f"in_{base.stem}").is_not_null(), pl.col(f"in_{candidate.stem}").is_not_null()
    found = both.select(
        (there & ~here).sum().alias("added"),
        (here & ~there).sum().alias("removed"),
        (here & there & pl.any_horizontal(flags)).sum().alias("changed"),
        *((here & there & flag).sum().alias(f"column_{name}") for name, flag in zip(values, flags, strict=True)),
    ).collect()
    return {name: found[name][0] for name in ("added", "removed", "changed")}


def datacompy(base: Path, candidate: Path) -> dict[str, Any]:
    import datacompy
    import polars as pl

    compared = datacompy.PolarsCompare(pl.read_parquet(base), pl.read_parquet(candidate), join_columns=KEY)
    unequal = len(compared.intersect_rows) - compared.count_matching_rows()
    return {"added": len(compared.df2_unq_rows), "removed": len(compared.df1_unq_rows), "changed": unequal}


def sqlmesh(base: Path, candidate: Path) -> dict[str, Any]:
    from sqlmesh.core.config import DuckDBConnectionConfig
    from sqlmesh.core.table_diff import TableDiff

    adapter = DuckDBConnectionConfig().create_engine_adapter()
    adapter.execute("SET threads = 2")
    for name, path in (("base", base), ("candidate", candidate)):
        adapter.execute(f"CREATE VIEW {name} AS FROM read_parquet('{path}')")
    found = TableDiff(adapter=adapter, source="main.base", target="main.candidate", on=KEY).row_diff()
    return {"added": found.t_only_count, "removed": found.s_only_count, "changed": found.join_count - found.full_match_count}


def reladiff(base: Path, candidate: Path) -> dict[str, Any]:
    import duckdb
    import reladiff

    place = base.parent / "reladiff.duckdb"
    with duckdb.connect(place) as con:
        for name, path in (("base", base), ("candidate", candidate)):
            con.execute(f"CREATE OR REPLACE TABLE {name} AS FROM read_parquet('{path}')")
    address = {"driver": "duckdb", "filepath": str(place)}
    with duckdb.connect(place) as con:
        extra = [name for name, *_ in con.execute("DESCRIBE base").fetchall() if name not in KEY]
    tables = [reladiff.connect_to_table(address, name, tuple(KEY)) for name in ("base", "candidate")]
    start, used = time.perf_counter(), time.process_time()
    found: dict[tuple[str, ...], set[str]] = {}
    for sign, row in reladiff.diff_tables(*tables, extra_columns=tuple(extra)):
        found.setdefault(tuple(row[: len(KEY)]), set()).add(sign)
    signs = list(found.values())
    return {
        "added": signs.count({"+"}),
        "removed": signs.count({"-"}),
        "changed": signs.count({"+", "-"}),
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - used,
    }


PEERS = {"ours": ours, "polars": polars_join, "sqlmesh": sqlmesh, "reladiff": reladiff, "datacompy": datacompy}


def main(name: str, base: str, candidate: str, times: str) -> None:
    best: dict[str, Any] = {}
    for _ in range(int(times)):
        start, used = time.perf_counter(), time.process_time()
        found = PEERS[name](Path(base), Path(candidate))
        found.setdefault("seconds", time.perf_counter() - start)
        found.setdefault("cpu", time.process_time() - used)
        best = min(best or found, found, key=lambda each: float(each["seconds"]))
    best["mib"] = mib()
    print(json.dumps(best))


if __name__ == "__main__":
    main(*sys.argv[1:])
