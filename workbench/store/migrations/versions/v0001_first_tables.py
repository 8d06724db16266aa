"""The first tables.

Written out and not taken from ``tables.py``, which will move on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NUMBERS = ("number", "version", "rows", "token", "seq")
_TABLES: dict[str, tuple[str, ...]] = {
    # "!" marks a part of the primary key, "?" what may be NULL
    "operations": ("number!", "kind", "state", "targets", "who", "at", "why", "promotion?", "run?"),
    "promotions": ("number!", "notebook", "notebook_sha256", "why", "who", "at", "status", "digest", "candidates"),
    "versions": (
        *("pipeline!", "number!", "promotion", "at"),
        *("manifest_sha256", "module_sha256", "contract_sha256", "notebook_sha256"),
    ),
    "approvals": ("number!", "promotion", "who", "at", "digest", "decision", "why"),
    "runs": (
        *("number!", "pipeline", "version", "interval_start?", "interval_end?", "parameters", "status"),
        *("started", "finished?", "snapshot?", "rows?", "code_sha256", "checks", "notebook", "error", "who", "facts"),
    ),
    "leases": ("name!", "holder", "token", "expires"),
    "lineage": ("pipeline!", "version!", "column!", "role!", "input!", "input_column!"),
    "alerts": ("number!", "pipeline", "kind", "message", "raised", "resolved?"),
    "ledger": ("seq!", "at", "kind", "payload", "previous", "hash"),
}
_INDEXES: tuple[tuple[str, str, list[str]], ...] = (
    ("operations_state", "operations", ["state"]),
    ("promotions_status", "promotions", ["status"]),
    ("approvals_promotion", "approvals", ["promotion"]),
    ("runs_pipeline", "runs", ["pipeline", "number"]),
    ("runs_status", "runs", ["status"]),
    ("lineage_input", "lineage", ["input", "input_column"]),
    ("alerts_pipeline", "alerts", ["pipeline", "number"]),
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
