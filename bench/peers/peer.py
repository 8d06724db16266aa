"""One comparison by one tool, in a process of its own: prints seconds, counts and peak memory as JSON.

Compared are two Parquet files, or the tables ``base`` and ``candidate`` of one DuckDB file.
Each peer is used as its documentation shows, and must count the rows that were added, removed and changed. Run by
``bench/peers/run.py``; the environment of the peers is ``.venv-peers``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

KEY = ["l_orderkey", "l_linenumber"]


def named(base: Path, candidate: Path) -> tuple[tuple[str, Path], ...]:
    return (("base", base), ("candidate", candidate))


def ours(base: Path, candidate: Path) -> dict[str, Any]:
    import ibis

    from workbench.promote.diff import diff
    from workbench.promote.diff.files import open_table

    tables = base.suffix == ".duckdb"
    con = ibis.duckdb.connect(base, read_only=True) if tables else ibis.duckdb.connect()
    con.raw_sql("SET threads = 2")
    sides = [con.table(name) if tables else open_table(con, str(path), name) for name, path in named(base, candidate)]
    found = diff(*sides, key=KEY, distributions=False)
    one_sided = (*found.samples.added, *found.samples.removed)
    samples = [[row[name] for name in KEY] for row in (*one_sided, *(each.key for each in found.samples.changed))]
    rows, columns = found.rows, {name: column.changed for name, column in found.columns.items()}
    return {"added": rows.added, "removed": rows.removed, "changed": rows.changed, "columns": columns, "samples": samples}


def polars_join(base: Path, candidate: Path) -> dict[str, Any]:
    """What ours answers: rows and columns that differ, and which are the lowest five rows of each kind, by one full join.

    Tables of DuckDB come through Arrow, which counts, as our reading of them does. Of the join nothing is kept but keys and
    flags. It multiplies copies of a key, which ours does not; that no key has any is looked at first, on both sides.
    """
    import polars as pl

    if base.suffix == ".duckdb":
        import duckdb

        with duckdb.connect(base, read_only=True) as con:
            con.execute("SET threads = 2")
            ours, theirs = (con.sql(f"FROM {name}").pl().lazy() for name, _ in named(base, candidate))
    else:
        ours, theirs = (pl.scan_parquet(path) for path in (base, candidate))
    for side in (ours, theirs):
        assert side.select(KEY).collect().is_unique().all(), "a key has copies"
    ours, theirs = (side.with_columns(pl.lit(True).alias(name)) for side, name in ((ours, "in_base"), (theirs, "in_candidate")))
    values = [name for name in ours.collect_schema().names() if name not in KEY and not name.startswith("in_")]
    both = ours.join(theirs, on=KEY, how="full", coalesce=True, nulls_equal=True, suffix="_theirs")
    differs = [pl.col(name).ne_missing(pl.col(f"{name}_theirs")).alias(f"column_{name}") for name in values]
    met = both.select(*KEY, "in_base", "in_candidate", *differs).collect()
    here, there = pl.col("in_base").is_not_null(), pl.col("in_candidate").is_not_null()
    flags = {f"column_{name}": here & there & pl.col(f"column_{name}") for name in values}
    kinds = {"added": there & ~here, "removed": here & ~there, "changed": pl.any_horizontal(*flags.values())}
    found = met.select(flag.sum().alias(name) for name, flag in {**kinds, **flags}.items())
    lowest = [met.filter(kind).select(KEY).sort(KEY).head(5) for kind in kinds.values()]
    return {
        **{name: found[name][0] for name in kinds},
        "columns": {name: found[f"column_{name}"][0] for name in values if found[f"column_{name}"][0]},
        "samples": [list(row) for rows in lowest for row in rows.rows()],
    }


def datacompy(base: Path, candidate: Path) -> dict[str, Any]:
    import datacompy
    import polars as pl

    compared = datacompy.PolarsCompare(pl.read_parquet(base), pl.read_parquet(candidate), join_columns=KEY)
    unequal = len(compared.intersect_rows) - compared.count_matching_rows()
    return {"added": len(compared.df2_unq_rows), "removed": len(compared.df1_unq_rows), "changed": unequal}


def sqlmesh(base: Path, candidate: Path) -> dict[str, Any]:
    from sqlmesh.core.config import DuckDBConnectionConfig
    from sqlmesh.core.table_diff import TableDiff

    tables = base.suffix == ".duckdb"
    adapter = DuckDBConnectionConfig(database=str(base) if tables else None).create_engine_adapter()
    adapter.execute("SET threads = 2")
    for name, path in () if tables else named(base, candidate):
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
    from peak import mib  # beside this file; what collects benchmarks does not look there

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
