"""The process that builds modules once more: writes down the query of each, started by :mod:`workbench.promote.repeat`."""

from __future__ import annotations

import hashlib
import logging
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.parameter import Parameter
from workbench.promote.sandboxed import call, read_job, say, write_result

if TYPE_CHECKING:
    import ibis.expr.types as ir

_MEMTABLE = re.compile(r"ibis_\w*memtable_\w+")


def main(job_file: str) -> None:
    """Do the job that a file describes; the result is written to the file that it names."""
    from workbench.sandbox import session

    job = read_job(job_file)
    session.activate(Path(job["sandbox"]))
    outputs: dict[str, ir.Table] = {}
    result: dict[str, str] = {}
    for module in job["modules"]:
        values = {
            name: Parameter(name, module["types"][name], None).decode(job["defaults"][name]) for name in module["parameters"]
        }
        try:
            outputs[module["pipeline"]] = call(module, values, outputs)
            found = text(outputs[module["pipeline"]])
        except Exception as error:  # the proof at the defaults says what it is about
            found = say(error)
        if module["pipeline"] in job["asked"]:
            result[module["pipeline"]] = found
    write_result(job, result)


def text(table: ir.Table) -> str:
    """What a query says, and of rows that stand in it, a digest whatever their order."""
    import ibis
    import ibis.expr.operations as ops

    found = [_MEMTABLE.sub("rows", str(ibis.to_sql(table, dialect="duckdb")))]
    for held in table.op().find(ops.InMemoryTable):
        rows = sorted(_plain(row) for row in held.to_expr().to_pyarrow().to_pylist())
        found.append(hashlib.sha256("\n".join(rows).encode()).hexdigest())
    return "\n".join((found[0], *sorted(found[1:])))


def _plain(row: dict[str, Any]) -> str:
    """A row as text; the last digits of a float depend on the order in which several threads added."""
    return repr({name: float(f"{value:.9g}") if isinstance(value, float) else value for name, value in row.items()})


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    main(sys.argv[1])
