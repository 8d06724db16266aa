"""A small shop whose customers, orders, lines and products refer to each other, with danglers and NULLs of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from workbench.config import Workspace, find_workspace
from workbench.sandbox import session
from workbench.sandbox.create import Request, create
from workbench.sandbox.registry import SandboxInfo

TABLES = {
    "customers": """SELECT i AS id, 'Person ' || i AS name, 'p' || i || '@example.org' AS email, i % 4 AS region,
        DATE '1950-01-01' + CAST(i % 15000 AS INTEGER) AS born FROM range(4000) r(i)""",
    "orders": """SELECT i AS id, CASE WHEN i % 50 = 0 THEN NULL WHEN i % 40 = 7 THEN 9000000 + i ELSE i % 4000 END AS customer,
        i % 12 + 1 AS month, (i * 7 % 100)::DOUBLE AS amount FROM range(20000) r(i)""",
    "lines": """SELECT o AS order_id, n AS number, (o * 13 + n * 7) % 3000 AS product, ((o + n) % 6)::INTEGER AS store,
        n + 0.5 AS price
        FROM range(20000) a(o), range(3) b(n)""",
    "products": """SELECT i AS id, CASE WHEN i % 5 = 0 THEN NULL ELSE i // 5 END AS part_of, 'product ' || i AS title
        FROM range(3000) r(i)""",
    "stores": "SELECT i::INTEGER AS id, 'store ' || i AS city FROM range(6) r(i)",
}

SETTINGS = """
[tool.workbench.sources.customers]
read = "raw/customers.parquet"
key = ["id"]
mask = { id = "token", name = "redact", email = "token", born = "generalise:year" }

[tool.workbench.sources.orders]
read = "raw/orders.parquet"
key = ["id"]
references = [{ columns = ["customer"], source = "customers" }]

[tool.workbench.sources.lines]
read = "raw/lines.parquet"
key = ["order_id", "number"]
references = [
  { columns = ["order_id"], source = "orders" },
  { columns = ["product"], source = "products" },
  { columns = ["store"], source = "stores" },
]

[tool.workbench.sources.products]
read = "raw/products.parquet"
key = ["id"]
sample = "follow"
references = [{ columns = ["part_of"], source = "products" }]

[tool.workbench.sources.stores]
read = "raw/stores.parquet"
key = ["id"]
"""


@dataclass(frozen=True)
class Place:
    """A workspace with raw tables."""

    root: Path

    @property
    def workspace(self) -> Workspace:
        return find_workspace(self.root)

    def settings(self, text: str) -> None:
        (self.root / "pyproject.toml").write_text("[tool.workbench]\n" + text)

    def change(self, old: str, new: str) -> None:
        file = self.root / "pyproject.toml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def table(self, name: str, query: str) -> None:
        with duckdb.connect() as con:
            con.execute(f"COPY ({query}) TO '{self.root}/raw/{name}.parquet' (FORMAT parquet)")

    def make(self, sample: str = "5%", **options: Any) -> SandboxInfo:
        return create(self.workspace, Request(sample=sample, who="ada", **options))

    def query(self, info: SandboxInfo, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(info.path), read_only=True) as con:
            return con.execute(sql).fetchall()

    def one(self, info: SandboxInfo, sql: str) -> Any:
        return self.query(info, sql)[0][0]

    def files(self) -> list[str]:
        folder = self.root / ".workbench" / "sandboxes"
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A workspace without sources."""
    (tmp_path / "raw").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("WORKBENCH_SANDBOX", "WORKBENCH_WORKSPACE", "WORKBENCH_MASK_KEY"):
        monkeypatch.delenv(name, raising=False)
    place = Place(tmp_path)
    place.settings("")
    return place


@pytest.fixture
def place(empty: Place) -> Place:
    for name, query in TABLES.items():
        empty.table(name, query)
    empty.settings(SETTINGS)
    return empty


@pytest.fixture
def opened() -> Any:
    """``activate`` that is undone at the end."""
    activate: Callable[..., session.Session] = session.activate
    yield activate
    session.deactivate()
