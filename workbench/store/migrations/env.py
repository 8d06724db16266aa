"""Run by Alembic: migrates over the connection that ``upgrade`` passes, inside its transaction."""

from __future__ import annotations

from alembic import context

from workbench.store.tables import metadata

# SQLite has transactional tables, but only when nobody else begins or ends the transaction.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,
    render_as_batch=True,
)
context.run_migrations()
