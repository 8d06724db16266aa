"""How long the contract card of an output takes, with its live diff against the version that readers see, in the sandbox."""

from __future__ import annotations

from pathlib import Path

import ibis
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.conftest import Stages
from workbench.render.card import output
from workbench.sandbox import session

LIMIT_SECONDS = 0.3


def test_the_card_of_a_table_and_its_preview(
    benchmark: BenchmarkFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stages, root = Stages(tmp_path / "stages"), tmp_path / "shop"
    (tmp_path / "stages").mkdir()
    monkeypatch.setenv("WORKBENCH_USER", "ada@example.org")
    stages.copy("published", root)
    monkeypatch.chdir(root)
    sales = session.source("orders").join(session.source("customers"), "customer_id")
    table = sales.group_by("day", "region").agg(orders=ibis._.count(), revenue=ibis._.amount.sum())
    marked = output("daily_sales", table, key=["day", "region"], columns={"revenue": "EUR"})
    assert "live" in marked._display_().text
    seconds = benchmark.pedantic(lambda: marked._display_(), rounds=10, warmup_rounds=2) and benchmark.stats.stats.min
    session.deactivate()
    with capsys.disabled():
        print(f"\ncard with its preview {seconds * 1000:.0f} ms (at most {LIMIT_SECONDS * 1000:.0f})")
    assert seconds < LIMIT_SECONDS * 2
