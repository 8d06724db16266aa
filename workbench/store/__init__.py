"""The metadata database of a workspace: promotions, approvals, versions, runs, operations and the ledger.

Importing this package is cheap; SQLAlchemy is loaded when a store is opened, Alembic when one must be created or migrated.
"""

from __future__ import annotations

from workbench.store.database import Store

__all__ = ["Store"]
