"""A small shop: a workspace with real Parquet sources and a marimo notebook, and the command run in this process."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.warm import Server

pytest_plugins = ["tests.postgres", "tests.warm"]


@pytest.fixture(autouse=True)
def _no_session_left_open() -> Iterator[None]:
    """The current session belongs to the process: one that a test left open would be the next test's sandbox."""
    yield
    if opened := sys.modules.get("workbench.sandbox.session"):
        opened.deactivate()


PYPROJECT = """
[tool.workbench.approval]
self_approval = true

[tool.workbench.sources.orders]
read = "raw/orders/*.parquet"
key = ["order_id"]
references = [{ columns = ["customer_id"], source = "customers" }]
mask = { customer_id = "token" }

[tool.workbench.sources.customers]
read = "raw/customers.csv"
key = ["customer_id"]
sample = "whole"
mask = { name = "redact" }
"""

NOTEBOOK = """
import marimo

__generated_with = "0.25.2"
app = marimo.App()

with app.setup:
    import marimo as mo
    import ibis
    import workbench as wb


@app.cell
def _():
    orders = wb.source("orders")
    customers = wb.source("customers")
    return customers, orders


@app.cell
def _():
    min_amount = wb.param("min_amount", 10, ge=0, le=100, doc="smallest amount that counts, in EUR")
    min_amount
    return (min_amount,)


@app.cell
def _(customers, min_amount, orders):
    # only what was really paid
    paid = orders.filter(ibis._.amount >= min_amount.value)
    known = paid.join(customers, "customer_id")
    sales = known.group_by("day", "region").agg(orders=ibis._.count(), revenue=ibis._.amount.sum())
    mo.md(f"smallest amount: {min_amount.value}")
    return (sales,)


@app.cell
def _(sales):
    daily_sales = wb.output(
        "daily_sales",
        sales,
        key=["day", "region"],
        doc="Orders and revenue per day and region.",
        columns={"revenue": "EUR"},
        checks=[wb.check.not_null("revenue"), wb.check.between("orders", 1, 1000000)],
        partition_by="day",
    )
    daily_sales
    return (daily_sales,)


@app.cell
def _(daily_sales):
    totals = daily_sales.group_by("region").agg(revenue=ibis._.revenue.sum())
    wb.output("region_totals", totals, key=["region"], doc="Revenue per region over all days.")
    return


if __name__ == "__main__":
    app.run()
"""


@dataclass(frozen=True)
class Ran:
    """One finished command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document


@dataclass(frozen=True)
class Shop:
    """A workspace to type commands in."""

    root: Path
    run: Callable[..., Ran]

    @property
    def notebook(self) -> Path:
        return self.root / "notebooks" / "sales.py"

    def edit(self, old: str, new: str) -> None:
        """Change the notebook as an analyst would."""
        text = self.notebook.read_text()
        assert old in text
        self.notebook.write_text(text.replace(old, new))

    def cells(self, *cells: str, sources: str = 'orders = wb.source("orders")') -> None:
        """Replace the notebook by these cells after one that reads sources."""
        head = NOTEBOOK[: NOTEBOOK.index("@app.cell")]
        body = "\n\n".join(
            "@app.cell\ndef _():\n" + "\n".join("    " + line for line in dedent(cell).strip().splitlines())
            for cell in (sources, *cells)
        )
        self.notebook.write_text(head + body + "\n")

    def promote(self, *arguments: str) -> Ran:
        return self.run("promote", "notebooks/sales.py", "--why", "because", *arguments)


def write_orders(root: Path, days: list[str], *, name: str = "orders", amount: str = "(i * 7) % 90 + 0.25") -> None:
    """Twenty orders a day, by ten customers of which one is unknown."""
    import duckdb

    file = root / "raw" / "orders" / f"{name}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as con:
        con.execute("CREATE TABLE days (day DATE)")
        con.executemany("INSERT INTO days VALUES (?)", [(day,) for day in days])
        con.execute(
            "COPY (SELECT (epoch(day) / 86400 * 100 + i)::BIGINT AS order_id, 'c' || (i % 10) AS customer_id, day, "
            f"({amount})::DOUBLE AS amount FROM days, range(20) r(i) ORDER BY ALL) TO '{file}' (FORMAT parquet)"
        )


class Stages:
    """Workspaces at stages of their life, each made once and copied for every test that starts there."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder = folder
        self.server = server

    def copy(self, stage: str, to: Path) -> None:
        """Copy a stage; its views name files in full, so the doctor points them to the new place."""
        made = self.folder / stage
        if not made.exists():
            from tests.warm import forked

            with forked(self.server):
                getattr(self, f"_make_{stage}")(made)
        shutil.copytree(made, to)
        if (to / "warehouse").exists():
            assert self._run(to, "doctor") == 0

    def _make_shop(self, root: Path) -> None:
        root.mkdir()
        assert self._run(root, "init") == 0
        with (root / "pyproject.toml").open("a") as stream:
            stream.write(PYPROJECT)
        write_orders(root, ["2024-01-01", "2024-01-02", "2024-01-03"])
        regions = "\n".join(f"c{i},Customer {i},{'north' if i % 2 else 'south'}" for i in range(9))
        (root / "raw" / "customers.csv").write_text(f"customer_id,name,region\n{regions}\n")
        (root / "notebooks" / "sales.py").write_text(NOTEBOOK)

    def _make_sandboxed(self, root: Path) -> None:
        self.copy("shop", root)
        assert self._run(root, "sandbox", "create", "--sample", "100%", "--seed", "7") == 0

    def _make_waiting(self, root: Path) -> None:
        self.copy("sandboxed", root)
        assert self._run(root, "promote", "notebooks/sales.py", "--why", "because") == 3

    def _make_published(self, root: Path) -> None:
        self.copy("waiting", root)
        assert self._run(root, "approve", "P-1") == 0
        assert self._run(root, "publish", "P-1") == 0

    def _make_two_versions(self, root: Path) -> None:
        self.copy("published", root)
        notebook = root / "notebooks" / "sales.py"
        notebook.write_text(notebook.read_text().replace("min_amount.value)", "min_amount.value + 20)"))
        assert self._run(root, "promote", "notebooks/sales.py", "--why", "because", "--allow-change", "100%") == 3
        assert self._run(root, "approve", "P-2") == 0

    @staticmethod
    def _run(root: Path, *arguments: str) -> int:
        from workbench.cli.main import main

        with contextlib.chdir(root), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return main(list(arguments))


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory, warm_server: Server) -> Iterator[Stages]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_USER", "ada@example.org")
        patch.setenv("NO_COLOR", "1")
        yield Stages(tmp_path_factory.mktemp("stages"), warm_server)


@pytest.fixture
def enter(
    stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], warm: None
) -> Callable[[str], Shop]:
    """Start at a stage: shop, sandboxed, waiting, published or two_versions."""
    from workbench.cli.main import main

    def run(*arguments: str) -> Ran:
        capfd.readouterr()
        code = main(list(arguments))
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        return Ran(code, captured.out, captured.err)

    def start(stage: str) -> Shop:
        root = tmp_path / "shop"
        stages.copy(stage, root)
        monkeypatch.chdir(root)
        monkeypatch.setenv("WORKBENCH_USER", "ada@example.org")
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setenv("COLUMNS", "200")
        return Shop(root, run)

    return start


@pytest.fixture
def shop(enter: Callable[[str], Shop]) -> Shop:
    """Sources and a notebook, nothing more."""
    return enter("shop")


@pytest.fixture
def sandboxed(enter: Callable[[str], Shop]) -> Shop:
    """The shop with a sandbox of all its rows."""
    return enter("sandboxed")


@pytest.fixture
def waiting(enter: Callable[[str], Shop]) -> Shop:
    """P-1 with the first version of both outputs waits for approval."""
    return enter("waiting")


@pytest.fixture
def published(enter: Callable[[str], Shop]) -> Shop:
    """The shop with the first version of both outputs live."""
    return enter("published")


@pytest.fixture
def two_versions(enter: Callable[[str], Shop]) -> Shop:
    """v1 of both outputs is live; P-2 with v2 of daily_sales is approved."""
    return enter("two_versions")
