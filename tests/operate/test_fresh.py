"""Sources say how fresh they are to be, and ``workbench doctor`` says which are not."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from workbench.cli.main import main
from workbench.config import find_workspace
from workbench.errors import ConfigError
from workbench.operate.fresh import freshness

NOW = dt.datetime(2024, 5, 3, 6, tzinfo=dt.UTC)


def declare(root: Path, *lines: str) -> None:
    (root / "pyproject.toml").write_text("\n".join(["[tool.workbench]", "[tool.workbench.sources.calls]", *lines]))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    duckdb.sql(
        "SELECT DATE '2024-05-01' - i::INT AS day, TIMESTAMPTZ '2024-05-01 22:00:00+02' - to_days(i::INT) AS seen, "
        "TIMESTAMP '2024-05-01 21:30:00' AS made, i AS id FROM range(9) r(i)"
    ).write_parquet(str(tmp_path / "calls.parquet"))
    return tmp_path


@pytest.mark.parametrize(
    ("time", "promised", "stale", "said"),
    [
        ("day", "1d", True, "calls: its newest day is 30 h old, promised within 1d"),
        ("day", "31h", False, "calls: its newest day is 30 h old, promised within 31h"),
        ("seen", "33h", True, "calls: its newest seen is 34 h old, promised within 33h"),
        ("made", "33h", False, "calls: its newest made is 32 h old, promised within 33h"),
    ],
)
def test_the_newest_time_says_how_fresh_a_source_is(place: Path, time: str, promised: str, stale: bool, said: str) -> None:
    declare(place, 'read = "calls.parquet"', f'time = "{time}"', f'freshness = "{promised}"')
    found = freshness(find_workspace(place), "calls")
    assert found is not None
    assert (found.stale(NOW), found.said(NOW)) == (stale, said)


def test_without_a_time_the_files_say_it_and_without_rows_nothing_is_fresh(place: Path) -> None:
    declare(place, 'read = "*.parquet"', 'freshness = "1d"')
    os.utime(place / "calls.parquet", (0, (NOW - dt.timedelta(hours=25)).timestamp()))
    found = freshness(find_workspace(place), "calls")
    assert found is not None
    assert found.said(NOW) == "calls: its files are 25 h old, promised within 1d"
    assert found.stale(NOW)
    assert not found.stale(NOW - dt.timedelta(hours=2))
    duckdb.sql("SELECT DATE '2024-05-01' AS day WHERE false").write_parquet(str(place / "calls.parquet"))
    declare(place, 'read = "calls.parquet"', 'time = "day"', 'freshness = "1d"')
    found = freshness(find_workspace(place), "calls")
    assert found is not None
    assert found.stale(NOW)
    assert found.said(NOW) == "calls: it has no day, promised within 1d"


def test_a_table_in_a_postgresql_is_asked_there(place: Path, postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLS_DB", postgres)
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE TABLE calls AS SELECT timestamptz '2024-05-03 02:00:00+00' AS seen, 1 AS id")
    declare(place, 'read = "env:CALLS_DB#calls"', 'time = "seen"', 'freshness = "3h"')
    found = freshness(find_workspace(place), "calls")
    assert found is not None
    assert found.newest == dt.datetime(2024, 5, 3, 2, tzinfo=dt.UTC)
    assert found.stale(NOW)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ['read = "calls.parquet"', 'freshness = "soon"'],
            "'soon' is not a duration; write a whole number and s, m, h or d, for example 14d",
        ),
        (
            ['read = "calls.parquet"', 'freshness = "0d"'],
            "freshness '0d' is never kept; write how old the newest row may become, as 1d",
        ),
        (
            ['read = "env:CALLS_DB#calls"', 'freshness = "1d"'],
            "freshness of a table in a PostgreSQL needs time, the column that says how new a row is",
        ),
    ],
)
def test_a_promise_that_nobody_can_judge_is_refused(place: Path, lines: list[str], message: str) -> None:
    declare(place, *lines)
    with pytest.raises(ConfigError) as refused:
        find_workspace(place)
    assert refused.value.message == f"tool.workbench.sources.calls: {message}"


def test_doctor_names_stale_sources_and_whom_to_ask(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    declare(place, 'read = "calls.parquet"', 'time = "day"', 'freshness = "1d"', 'owner = "ops@example.org"')
    assert main(["doctor", "--json"]) == 0
    found = [each for each in json.loads(capsys.readouterr().out)["findings"] if each["subject"] == "sources"]
    assert [each["state"] for each in found] == ["warning"]
    assert found[0]["message"].startswith("calls: its newest day is ")
    assert found[0]["hint"] == "ask ops@example.org what became of calls"
    declare(place, 'read = "calls.parquet"', 'time = "id"', 'freshness = "1d"')
    assert main(["doctor"]) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "tool.workbench.sources.calls.time: id is BIGINT, neither a date nor a time" in shown
    declare(place, 'read = "calls.parquet"')
    assert main(["doctor", "--json"]) == 0
    assert not [each for each in json.loads(capsys.readouterr().out)["findings"] if each["subject"] == "sources"]


@pytest.mark.parametrize(
    ("read", "code", "said"),
    [
        ("gone/*.parquet", 1, "calls: source 'calls': no file 'gone/*.parquet' below"),
        ("env:NO_SUCH_SERVER#public.calls", 0, "calls: the environment has no NO_SUCH_SERVER"),
    ],
)
def test_doctor_names_sources_that_can_not_be_read(
    place: Path, capsys: pytest.CaptureFixture[str], read: str, code: int, said: str
) -> None:
    declare(place, f'read = "{read}"')
    assert main(["doctor"]) == code
    assert said in " ".join(capsys.readouterr().out.split())


def test_status_and_run_say_which_sources_are_stale(published: Any) -> None:
    settings = published.root / "pyproject.toml"
    text = settings.read_text()
    first = 'read = "raw/orders/*.parquet"\nkey = ["order_id"]\n'
    assert first in text
    settings.write_text(text.replace(first, first + 'freshness = "1s"\nowner = "shop@example.org"\n'))
    for file in (published.root / "raw" / "orders").iterdir():
        os.utime(file, (0, 1_500_000_000))
    said = "source orders: its files are"
    for asked in (["status"], ["run", "daily_sales"]):
        ran = published.run(*asked)
        assert ran.code == 0
        assert said in ran.out
        assert "ask shop@example.org what became of orders" in " ".join(ran.out.split())
        (stale,) = published.run(*asked, "--json").json["stale_sources"]
        assert stale == {
            "source": "orders", "newest": "2017-07-14T02:40:00Z", "promised": "1s", "time": None, "owner": "shop@example.org"
        }  # fmt: skip
    settings.write_text(text)
    assert said not in published.run("status").out
