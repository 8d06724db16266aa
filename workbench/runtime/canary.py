"""Chosen readers: who of them reads a candidate beside the live version, decided alike in Python and in SQL.

``current.duckdb`` has the candidates' views in schema ``canary``, and a table macro ``workbench.reads(reader)`` that says for
each pipeline which schema a reader is meant to read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.errors import UsageError
from workbench.runtime.duck import literal, rows

BUCKETS = 10_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+/-]{0,199}")
_COLUMNS = "(pipeline, version, snapshot, promotion, share, readers)"


@dataclass(frozen=True, slots=True)
class Canary:
    """Who reads the candidates of a promotion, and which data: ``data`` maps pipelines to a version and a snapshot's id.

    ``readers`` are named; of all others ``share`` of 10,000 are chosen by the hash of their name.
    """

    promotion: str
    share: int
    readers: tuple[str, ...]
    data: Mapping[str, tuple[int, str]]

    def chooses(self, reader: str) -> bool:
        """Whether a reader is one of the chosen. Whoever is chosen stays so when the share grows.

        >>> Canary("P-7", 0, ("bi@example.org",), {}).chooses("BI@example.org")
        True
        >>> sum(Canary("P-7", 500, (), {}).chooses(f"reader-{i}") for i in range(1000))
        50
        """
        name = reader.lower()
        return name in self.readers or bucket(self.promotion, name) < self.share


def bucket(promotion: str, reader: str) -> int:
    """The place of a reader among 10,000, another one in each promotion, so that not always the same readers go first."""
    return int(hashlib.md5(f"{promotion}:{reader}".encode(), usedforsecurity=False).hexdigest()[:8], 16) % BUCKETS


def reader_name(text: str) -> str:
    """The name of a reader as it is kept: lower case; ``UsageError`` for what can't be one.

    >>> reader_name("Ada@Example.org")
    'ada@example.org'
    """
    if _NAME.fullmatch(text) is None:
        raise UsageError(
            f"{text[:60]!r} can't be the name of a reader: letters, digits and _.@+/- up to 200",
            hint="for example ada@example.org or reports/weekly",
        )
    return text.lower()


def read_canaries(con: Any, schema: str) -> dict[str, Canary]:
    """The canaries that a file of views tells of, by promotion; none in a file that was written before there were any."""
    ((there,),) = rows(
        con, f"SELECT count(*) FROM duckdb_views() WHERE database_name = {literal(schema)} AND view_name = 'canaries'"
    )
    found: dict[str, Canary] = {}
    if not there:
        return found
    for pipeline, version, snapshot, promotion, share, readers in rows(
        con, f"SELECT pipeline, version, snapshot, promotion, share, readers FROM {schema}.workbench.canaries ORDER BY 1"
    ):
        known = found.get(promotion, Canary(promotion, share, tuple(readers), {}))
        found[promotion] = Canary(promotion, share, tuple(readers), {**known.data, pipeline: (version, snapshot)})
    return found


def from_note(row: Sequence[Any]) -> Canary:
    """A canary from its fields as JSON keeps them.

    >>> from_note(["P-7", 500, ["ada"], {"daily": [2, "daily-v2-ab"]}])
    Canary(promotion='P-7', share=500, readers=('ada',), data={'daily': (2, 'daily-v2-ab')})
    """
    promotion, share, readers, data = row
    return Canary(promotion, share, tuple(readers), {name: (int(at[0]), str(at[1])) for name, at in data.items()})


def statements(canaries: Mapping[str, Canary], live: Mapping[str, int]) -> list[str]:
    """What writes down who reads what; ``live`` maps pipelines to the version that all others read."""
    listed = [(canary, name, *canary.data[name]) for canary in canaries.values() for name in sorted(canary.data)]
    told = [
        f"({literal(name)}, {version}, {literal(snapshot)}, {literal(canary.promotion)}, {canary.share}, {_list(canary)})"
        for canary, name, version, snapshot in listed
    ]
    nothing = "(NULL::VARCHAR, NULL::INTEGER, NULL::VARCHAR, NULL::VARCHAR, NULL::INTEGER, NULL::VARCHAR[])"
    chosen = {name: (canary, version) for canary, name, version, _ in listed}
    places = []
    for name in sorted({*live, *chosen}):
        main = str(live[name]) if name in live else "NULL::INTEGER"
        canary, version = chosen.get(name, (None, None))
        beside = (
            "NULL, NULL, 0, NULL"
            if canary is None
            else f"{version}, {literal(canary.promotion)}, {canary.share}, {_list(canary)}"
        )
        places.append(f"({literal(name)}, {main}, {beside})")
    empty = "(NULL::VARCHAR, NULL::INTEGER, NULL::INTEGER, NULL::VARCHAR, 0, NULL::VARCHAR[])"
    hashed = f"('0x' || substr(md5(promotion || ':' || lower(reader)), 1, 8))::BIGINT % {BUCKETS}"
    return [
        "CREATE SCHEMA IF NOT EXISTS canary",
        f"CREATE OR REPLACE VIEW workbench.canaries AS SELECT * FROM (VALUES {', '.join(told) or nothing}) "
        f"AS canaries{_COLUMNS} WHERE pipeline IS NOT NULL",
        "CREATE OR REPLACE MACRO workbench.reads(reader) AS TABLE "
        "SELECT pipeline, CASE WHEN chosen THEN 'canary' ELSE 'main' END AS \"schema\", "
        "CASE WHEN chosen THEN candidate ELSE version END AS version FROM (SELECT pipeline, version, candidate, "
        f"coalesce(list_contains(readers, lower(reader)) OR {hashed} < share, false) AS chosen "
        f"FROM (VALUES {', '.join([empty, *places])}) AS places(pipeline, version, candidate, promotion, share, readers)) "
        "WHERE pipeline IS NOT NULL AND (chosen OR version IS NOT NULL) ORDER BY pipeline",
    ]


def _list(canary: Canary) -> str:
    return f"[{', '.join(literal(each) for each in canary.readers)}]::VARCHAR[]"
