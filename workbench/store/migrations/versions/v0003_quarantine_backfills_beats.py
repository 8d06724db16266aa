"""Rows that were held back, backfills with their intervals, and the signs of life of runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_NUMBERS = ("number", "version", "rows", "memory", "backfill")
_TABLES: dict[str, tuple[str, ...]] = {
    # "!" marks a part of the primary key, "?" what may be NULL
    "quarantine": (
        *("number!", "pipeline", "version", "run", "interval_start?", "interval_end?", "rows", "file", "checks"),
        *("state", "at", "who", "why", "decided?", "operation?"),
    ),
    "beats": ("number!", "at", "memory"),
    "backfills": ("number!", "pipeline", "version", "digest", "plan", "state", "at", "who", "process", "finished?"),
    "backfill_intervals": ("backfill!", "start!", "end", "state", "run?", "error"),
}
_INDEXES: tuple[tuple[str, str, list[str]], ...] = (
    ("quarantine_pipeline", "quarantine", ["pipeline", "state"]),
    ("backfills_state", "backfills", ["state"]),
)


def upgrade() -> None:
    for table, columns in _TABLES.items():
        op.create_table(table, *(_column(text) for text in columns))
    for name, table, names in _INDEXES:
        op.create_index(name, table, names)


def _column(text: str) -> sa.Column[str] | sa.Column[int]:
    name, key, null = text.rstrip("!?"), text.endswith("!"), text.endswith("?")
    if name in _NUMBERS:
        return sa.Column(name, sa.Integer, primary_key=key, nullable=null, autoincrement=False)
    return sa.Column(name, sa.Text, primary_key=key, nullable=null)
