"""What every run does, done once for nothing: a warm process is then quicker, since libraries have looked up what they need.

The warm process calls ``rehearse`` while nobody asks it for a run. It reads and writes a folder that is thrown away.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.catalog.contract import Column, Contract, read_contract, to_yaml
from workbench.catalog.job import Job
from workbench.config import find_workspace
from workbench.model import Check, Input

if TYPE_CHECKING:
    import ibis.expr.types as ir

SOURCE = "rehearsed"
PYPROJECT = f"""[tool.workbench.sources.{SOURCE}]
read = "{SOURCE}.csv"
"""
ROWS = "day,name,amount\n2024-01-01,a,1.5\n2024-01-02,b,2.5\n"
CONTRACT = Contract(
    pipeline="rehearsal",
    version=1,
    columns=(Column("day", "date", True), Column("name", "string"), Column("amount", "float64")),
    key=("day",),
    partition_by="day",
    checks=(Check("between", ("amount",), {"low": 0, "high": 9}), Check("one_of", ("name",), {"values": ["a", "b"]})),
    inputs=(Input(SOURCE, SOURCE, "source", ("day", "name", "amount")),),
)


def rehearse() -> None:
    """Run a pipeline of two rows, all but its publication."""
    import ibis
    from ibis import _
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    with tempfile.TemporaryDirectory(prefix="workbench-") as place, _as_it_was(), capture_output():
        root = Path(place)
        (root / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
        (root / f"{SOURCE}.csv").write_text(ROWS, encoding="utf-8")
        folder = root / "promoted" / CONTRACT.pipeline / "v1"
        folder.mkdir(parents=True)
        (folder / "contract.yaml").write_text(to_yaml(CONTRACT), encoding="utf-8")
        job = Job(find_workspace(root), read_contract(folder), "R-0", None)
        shown = [job.inputs()]
        table = job.inputs()[SOURCE]
        ibis.to_sql(_usual(table), dialect="duckdb")
        first = table.filter(_.amount >= 1).group_by("day").agg(name=_.name.min(), amount=_.amount.sum())
        said = [job.write(first), job.check(), job.profile(), job.finish()]
        shell = InteractiveShell.instance()
        formatter: Any = shell.display_formatter
        for each in [*shown, *said]:
            formatter.format(each)
        shell.run_cell("None", silent=True)


def _usual(table: ir.Table) -> ir.Table:
    """Something of all that pipelines mostly ask for."""
    import ibis
    from ibis import _

    size = ibis.cases((_.amount > 1, "large"), (_.name.isnull(), None), else_="small")
    told = table.filter(_.name.notnull(), table.amount.between(0, 9) | ~table.name.isin(["c", "d"]))
    told = told.mutate(size=size, month=_.day.truncate("M"), text=_.name.upper() + "!", share=_.amount.fill_null(0) / 2)
    last = table.group_by("name").agg(day=_.day.max(), most=_.amount.mean().round(2), names=_.name.nunique(), rows=_.count())
    told = told.left_join(last, ["name", told.day == last.day]).select("name", "month", "size", "share", "most", "rows")
    told = told.mutate(rank=ibis.row_number().over(group_by="name", order_by=ibis.desc("share")), most=_.most.cast("int64"))
    return told.union(told.distinct()).order_by("name", ibis.desc("month")).rename(top="most").drop("rank").limit(9)


@contextlib.contextmanager
def _as_it_was() -> Iterator[None]:
    """Leave this process as it was: its folder, and where it looks for modules."""
    folder, path = os.getcwd(), list(sys.path)
    try:
        yield
    finally:
        os.chdir(folder)
        sys.path[:] = path
