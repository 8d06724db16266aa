"""Promotions whose candidates run beside production, and their runs there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_NUMBERS = ("number", "share", "runs", "seconds", "since", "beside", "version", "attempt", "rows")
_TABLES: dict[str, tuple[str, ...]] = {
    # "!" marks a part of the primary key, "?" what may be NULL
    "beside": (
        *("number!", "kind", "promotion", "state", "share", "readers", "runs", "seconds?", "data", "since"),
        *("who", "at", "why", "ended?", "outcome", "reason", "operation?", "pending?"),
    ),
    "trials": (
        *("number!", "beside", "pipeline", "version", "run", "state", "attempt", "process", "started", "finished?"),
        *("snapshot?", "rows?", "facts", "gates", "error"),
    ),
}
_INDEXES: tuple[tuple[str, str, list[str]], ...] = (
    ("beside_promotion", "beside", ["promotion"]),
    ("beside_state", "beside", ["state"]),
    ("trials_beside", "trials", ["beside", "run"]),
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
