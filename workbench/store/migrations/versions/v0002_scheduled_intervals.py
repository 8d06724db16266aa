"""What the scheduler has done of each pipeline, interval by interval."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "intervals",
        sa.Column("pipeline", sa.Text, primary_key=True, nullable=False),
        sa.Column("start", sa.Text, primary_key=True, nullable=False),
        sa.Column("end", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("not_before", sa.Text, nullable=True),
        sa.Column("run", sa.Text, nullable=True),
        sa.Column("error", sa.Text, nullable=False),
    )
    op.create_index("intervals_state", "intervals", ["state"])
    op.create_index("intervals_end", "intervals", ["pipeline", "end"])
