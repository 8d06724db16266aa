"""The metadata database of a workspace: promotions, approvals, versions, runs, operations and the ledger.

Alembic is loaded only when a store must be created or migrated.
"""

from __future__ import annotations

from workbench.store.database import Store

__all__ = ["Store"]
