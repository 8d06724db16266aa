"""Checks an exported ledger with nothing but Python: the chain, its end, its seals, and the files that it came with.

Copied as ``verify.py`` into every export, so it imports the standard library alone. Usage: ``python verify.py [FOLDER]``, with
the workspace's key in ``WORKBENCH_LEDGER_KEY``; without the key the seals are not checked, and it says so.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sys
from pathlib import Path


def problems(folder: Path, key: bytes | None) -> list[str]:
    """What is wrong with an export, a sentence each; none when all is well."""
    found: list[str] = []
    for line in (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        file = folder / name
        if not file.is_file():
            found.append(f"{name} is missing")
        elif hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            found.append(f"{name} was changed")
    expected, before = 1, None
    last = (0, "")
    for line in (folder / "ledger.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        seq = row["seq"]
        if seq != expected:
            found.append(f"entry {expected} is missing")
        elif before is not None and row["previous"] != before:
            found.append(f"entry {seq} does not follow the entry before it")
        text = f"{seq}\0{row['at']}\0{row['kind']}\0{row['previous']}\0{row['payload']}".encode()
        if key is not None and not hmac.compare_digest(hmac.digest(key, text, "sha256").hex(), row["hash"]):
            found.append(f"entry {seq} was changed, or sealed with another key")
        expected, before, last = seq + 1, row["hash"], (seq, row["hash"])
    head = folder / "LEDGER_HEAD"
    number, _, digest = head.read_text(encoding="utf-8").strip().partition(" ") if head.is_file() else ("", "", "")
    if number and (int(number), digest) != last:
        found.append(f"the end is not the one that LEDGER_HEAD knows: entry {number}")
    return found


def main(arguments: list[str]) -> int:
    """Print what was checked; 1 when anything is wrong, 2 without an export to check."""
    folder = Path(arguments[0]) if arguments else Path(__file__).resolve().parent
    if not (folder / "ledger.jsonl").is_file():
        print(f"{folder} holds no export: ledger.jsonl is missing", file=sys.stderr)
        return 2
    given = os.environ.get("WORKBENCH_LEDGER_KEY", "")
    found = problems(folder, given.encode() if given else None)
    for each in found:
        print(each)
    count = len((folder / "ledger.jsonl").read_text(encoding="utf-8").splitlines())
    seals = "seals checked" if given else "seals NOT checked: set WORKBENCH_LEDGER_KEY to the workspace's key"
    print(f"{count} entries, {len(found)} problem{'' if len(found) == 1 else 's'}; {seals}")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
