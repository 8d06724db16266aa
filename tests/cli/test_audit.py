"""workbench audit: the ledger shown, verified, and exported for somebody who has nothing of ours."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from workbench.store.ledger import COLUMNS, seal, verify

KEY = b"the key of this test"


def test_the_log_tells_who_did_what_and_why(published: Any):
    shown = published.run("audit", "log")
    assert shown.code == 0
    assert "daily_sales: none -> v1" in shown.out
    assert '"because"' in shown.out
    entries = published.run("audit", "log", "--kind", "approve", "--json").json["entries"]
    assert [(each["kind"], each["payload"]["who"]) for each in entries] == [("approve", "ada@example.org")]
    assert published.run("audit", "log", "--kind", "aprove").code == 2
    assert published.run("audit", "log", "--limit", "0").code == 2


def test_an_empty_ledger_is_no_error(shop: Any):
    assert shop.run("audit", "log").code == 0
    assert shop.run("audit", "verify").code == 0


def test_an_edit_is_found_and_stops_publishing(two_versions: Any):
    assert two_versions.run("audit", "verify").code == 0
    with sqlite3.connect(two_versions.root / ".workbench" / "store.db") as connection:
        connection.execute("UPDATE ledger SET payload = replace(payload, 'ada@', 'eve@') WHERE seq = 2")
    found = two_versions.run("audit", "verify", "--json")
    assert found.code == 4
    assert [each["seq"] for each in found.json["problems"]] == [2]
    refused = two_versions.run("publish", "P-2")
    assert refused.code == 4
    assert "entry 2 was changed" in refused.err


def export(shop: Any, to: Path) -> Path:
    assert shop.run("audit", "export", str(to / "ledger.zip")).code == 0
    folder = to / "unpacked"
    with zipfile.ZipFile(to / "ledger.zip") as archive:
        archive.extractall(folder)
    return folder


def check(folder: Path, key: str | None) -> subprocess.CompletedProcess[str]:
    """Run the export's own script with a Python that sees none of our packages."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("WORKBENCH", "PYTHON"))}
    environment |= {"WORKBENCH_LEDGER_KEY": key} if key else {}
    return subprocess.run(
        [sys.executable, "-I", "-S", folder / "verify.py"], env=environment, capture_output=True, text=True, check=False
    )


def test_an_export_is_checked_with_python_alone(published: Any, tmp_path: Path):
    folder = export(published, tmp_path)
    key = (published.root / ".workbench" / "ledger.key").read_text().strip()
    assert key not in "".join(file.read_text() for file in folder.rglob("*") if file.suffix != ".ipynb" and file.is_file())
    sound = check(folder, key)
    assert (sound.returncode, "seals checked" in sound.stdout) == (0, True)
    assert "NOT checked" in check(folder, None).stdout
    assert check(folder, "another").returncode == 1
    (folder / "promoted" / "daily_sales" / "v1" / "__init__.py").write_text("pass\n")
    changed = check(folder, key)
    assert (changed.returncode, "promoted/daily_sales/v1/__init__.py was changed" in changed.stdout) == (1, True)


def test_a_shortened_export_is_found_out(published: Any, tmp_path: Path):
    folder = export(published, tmp_path)
    lines = (folder / "ledger.jsonl").read_text().splitlines(keepends=True)
    (folder / "ledger.jsonl").write_text("".join(lines[:-1]))
    assert "the end is not the one that LEDGER_HEAD knows" in check(folder, None).stdout
    (folder / "ledger.jsonl").unlink()
    assert check(folder, None).returncode == 2


def test_equal_ledgers_give_equal_files(published: Any, tmp_path: Path):
    for name in ("a.zip", "b.zip"):
        published.run("audit", "export", str(tmp_path / name))
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def chain(length: int, key: bytes = KEY) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    previous = ""
    for seq in range(1, length + 1):
        text = ("2026-01-01T00:00:00", "publish", f'{{"n": {seq}}}', previous)
        previous = seal(key, seq, *text[:1], text[1], text[2], text[3])
        rows.append(dict(zip(COLUMNS, (seq, *text, previous), strict=True)))
    return rows


def tamper(rows: list[dict[str, Any]], chance: random.Random) -> str:
    """Do one thing to a chain that somebody without the key could do; says what."""
    what = chance.choice(["edit", "delete", "swap", "rehash", "truncate", "insert", "renumber", "repeat"])
    at = chance.randrange(len(rows) - 1)
    match what:
        case "edit":
            field = chance.choice(["at", "kind", "payload", "previous", "hash"])
            rows[at][field] = rows[at][field][:-1] + "~"
        case "delete":
            del rows[at]
        case "swap":
            rows[at], rows[at + 1] = rows[at + 1], rows[at]
        case "rehash":
            rows[at]["payload"] = '{"n": 0}'
            for index in range(at, len(rows)):
                rows[index]["previous"] = rows[index - 1]["hash"] if index else ""
                rows[index]["hash"] = seal(b"a guess", *(rows[index][name] for name in COLUMNS[:-1]))
        case "truncate":
            del rows[at + 1 :]
        case "insert":
            rows.insert(at, dict(rows[at], payload='{"n": "more"}'))
        case "renumber":
            rows[at]["seq"] += chance.choice([-1, 1])
        case "repeat":
            rows.insert(at + 1, dict(rows[at]))
    return what


@pytest.mark.parametrize("part", range(4))
def test_ten_thousand_tamperings_are_all_found(part: int):
    chance = random.Random(part)
    whole = chain(12)
    anchor = (12, whole[-1]["hash"])
    assert verify(KEY, whole, anchor) == ()
    for _ in range(2500):
        rows = [dict(row) for row in whole]
        what = tamper(rows, chance)
        found = verify(KEY, rows, anchor)
        assert found, what
        assert found[0].message


def test_what_was_ended_is_told_in_a_few_words(published):
    assert published.run("deprecate", "daily_sales@1", "--until", "2999-12-31", "--why", "returns").code == 0
    assert published.run("deprecate", "daily_sales@1", "--undo", "--why", "no").code == 0
    stray = published.root / "warehouse" / "data" / "daily_sales" / "v1" / "stray.parquet"
    stray.write_bytes(b"left")
    assert published.run("gc", "--grace", "0s").code == 0
    told = " ".join(published.run("audit", "log").out.split())
    for said in ("v1 until 2999-12-31", "0 snapshots, 0 run records, 4 bytes removed", "created", "undeprecate"):
        assert said in told
