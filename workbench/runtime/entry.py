"""What papermill finds under its entry point ``papermill.engine``: names of our engines that load them when they are used.

Papermill reads its entry points in the middle of its own import, when modules that import papermill can't be loaded yet.
"""

from __future__ import annotations

from typing import Any


class ForkedEngine:
    """The engine ``workbench``; see :class:`workbench.runtime.engines.ForkedEngine`."""

    @classmethod
    def execute_notebook(cls, *arguments: Any, **options: Any) -> Any:
        """As papermill calls an engine."""
        from workbench.runtime import engines

        return engines.ForkedEngine.execute_notebook(*arguments, **options)


class KernelEngine:
    """The engine ``workbench-kernel``; see :class:`workbench.runtime.engines.KernelEngine`."""

    @classmethod
    def execute_notebook(cls, *arguments: Any, **options: Any) -> Any:
        """As papermill calls an engine."""
        from workbench.runtime import engines

        return engines.KernelEngine.execute_notebook(*arguments, **options)
