"""What readers saw, as the operations on record tell it."""

from __future__ import annotations

from workbench.store import Store
from workbench.store.records import Pointer


def last_shown(store: Store, pipeline: str) -> dict[int, Pointer]:
    """For every version that readers of a pipeline saw once, the last data that they saw of it."""
    found: dict[int, Pointer] = {}
    for operation in store.operations(state="done"):
        target = operation.target(pipeline)
        if target is not None and target.new is not None:
            found[target.new.version] = target.new
    return found
