"""workbench: explore in marimo notebooks, promote what you marked to proven, versioned pipelines.

The public names, loaded when first used:

* in a notebook: ``source``, ``param``, ``output``, ``model``, ``check``, ``require``, ``sql``, ``local``,
  ``estimate``;
* in Python: ``diff``.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.promote.diff import diff as diff
    from workbench.render.card import model as model
    from workbench.render.card import output as output
    from workbench.render.estimate import estimate as estimate
    from workbench.runtime import checks as check
    from workbench.runtime.local import local as local
    from workbench.runtime.require import require as require
    from workbench.runtime.sql import sql as sql
    from workbench.sandbox.session import source as source
    from workbench.sandbox.widgets import param as param

__version__ = "0.1.0"

_PLACES = {
    "source": "workbench.sandbox.session",
    "param": "workbench.sandbox.widgets",
    "output": "workbench.render.card",
    "model": "workbench.render.card",
    "local": "workbench.runtime.local",
    "require": "workbench.runtime.require",
    "sql": "workbench.runtime.sql",
    "estimate": "workbench.render.estimate",
    "diff": "workbench.promote.diff",
}
__all__ = ["check", "diff", "estimate", "local", "model", "output", "param", "require", "source", "sql"]


def __getattr__(name: str) -> Any:
    if name == "check":
        return importlib.import_module("workbench.runtime.checks")
    if name in _PLACES:
        return getattr(importlib.import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'workbench' has no attribute {name!r}; its public names are {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


class _Public(types.ModuleType):
    """The package itself: ``wb.model`` is the decorator, although Python sets the attribute to the submodule of that name."""

    @property
    def model(self) -> Any:
        return __getattr__("model")

    @model.setter
    def model(self, submodule: types.ModuleType) -> None:
        """Python's import machinery calls this once ``workbench.model`` is loaded."""


sys.modules[__name__].__class__ = _Public
