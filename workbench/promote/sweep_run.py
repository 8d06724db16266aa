"""The process that computes a sweep: calls modules in the sandbox, writes each scenario's table and a few figures of it.

Started by :mod:`workbench.promote.sweep` as ``python -m workbench.promote.sweep_run JOB.json``.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.parameter import Parameter
from workbench.promote.sandboxed import call, read_job, say, write_result

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa


def main(job_file: str) -> None:
    """Do the job that a file describes; the result is written to the file that it names."""
    from workbench.sandbox import session

    job = read_job(job_file)
    session.activate(Path(job["sandbox"]))
    with contextlib.redirect_stdout(sys.stderr):
        write_result(job, [_scenario(job, number, given) for number, given in enumerate(job["scenarios"], start=1)])


def _scenario(job: dict[str, Any], number: int, given: dict[str, Any]) -> dict[str, Any]:
    outputs: dict[str, ir.Table] = {}
    try:
        for module in job["modules"]:
            values = {name: Parameter(name, module["types"][name], None).decode(given[name]) for name in module["parameters"]}
            outputs[module["pipeline"]] = call(module, values, outputs)
        last = job["modules"][-1]
        table = outputs[last["pipeline"]].to_pyarrow()
        return _keep(table, last["key"], Path(job["folder"]) / f"{number}.parquet")
    except Exception as error:
        return {"rows": None, "columns": {}, "error": say(error)}


def _keep(table: pa.Table, key: list[str], file: Path) -> dict[str, Any]:
    """Write a table, ordered by its key, and say its rows, and mean and sum of each numeric column that is not of the key."""
    import duckdb
    import pyarrow as pa

    from workbench.runtime.duck import identifier, literal

    numeric = [
        field.name
        for field in table.schema
        if field.name not in key
        and (pa.types.is_integer(field.type) or pa.types.is_floating(field.type) or pa.types.is_decimal(field.type))
    ]
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.register("scenario", table)
        by = ", ".join(identifier(name) for name in key if name in table.column_names)
        con.execute(f"COPY (SELECT * FROM scenario{f' ORDER BY {by}' if by else ''}) TO {literal(str(file))} (FORMAT parquet)")
        figures = [f"avg({identifier(name)})::DOUBLE, sum({identifier(name)})" for name in numeric]
        found = con.execute(f"SELECT {', '.join(['count(*)', *figures])} FROM scenario").fetchone()
    assert found is not None
    columns = {
        name: {"mean": mean, "sum": total if isinstance(total, int | None) else float(total)}
        for name, mean, total in zip(numeric, found[1::2], found[2::2], strict=True)
    }
    return {"rows": found[0], "columns": columns, "error": ""}


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    main(sys.argv[1])
