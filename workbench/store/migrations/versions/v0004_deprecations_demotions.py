"""Versions that readers should leave, and pipelines that were taken out of production."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deprecations",
        sa.Column("pipeline", sa.Text, primary_key=True, nullable=False),
        sa.Column("version", sa.Integer, primary_key=True, nullable=False, autoincrement=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("until", "instead", "why", "who", "at")),
    )
    op.create_table(
        "demotions",
        sa.Column("pipeline", sa.Text, primary_key=True, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("snapshot", "readers", "operation", "why", "who", "at")),
    )
