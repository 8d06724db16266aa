"""Whether another process builds the same query from the same code.

The order of a set of texts, ``hash()`` and ``id()`` differ from process to process. The slicer refuses where it sees such an
order count; what it can't see, a set that a function gives back for one, is tried here: the module is built in a few
processes more, each with another hash seed. Only modules in which something of the kind stands are.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from workbench.parameter import encode
from workbench.promote.module import Module
from workbench.promote.sandboxed import run_job, stage
from workbench.promote.slice import Slice

SEEDS = ("0", "1", "2", "3")
_WORDS = frozenset({"set", "frozenset", "hash", "id"})
_VIEWS = frozenset({"keys", "items"})
WHY = (
    "the same code builds another query in another process: the order of a set, or a hash, is in it; "
    "sort what comes from a set: sorted(…)"
)


def may_differ(module: Module) -> bool:
    """Whether a set, a ``hash()`` or an ``id()`` stands in a module or in what is packaged along.

    >>> may_differ(Module("late", "names = {'UA', 'AA'}", "late", "", ""))
    True
    """
    texts = (module.text, *(text for name, text in module.files.items() if name.endswith(".py")))
    return any(_hashes(node) for text in texts for node in ast.walk(ast.parse(text)))


def _hashes(node: ast.AST) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Name(id=name):
            return name in _WORDS
        case ast.BinOp(left=left, right=right):  # views of a dictionary give sets
            called = [each.func for each in (left, right) if isinstance(each, ast.Call)]
            return any(isinstance(each, ast.Attribute) and each.attr in _VIEWS for each in called)
        case _:
            return False


def differing(
    slices: Sequence[Slice],
    modules: Sequence[Module],
    folder: Path,
    *,
    root: Path,
    notebook: Path,
    sandbox: Path,
    timeout: float,
) -> frozenset[str]:
    """The pipelines whose modules build different queries, at their defaults, in processes of different hash seeds.

    ``folder`` is one for temporary files and ``timeout`` in seconds for each process.
    """
    asked = [module.pipeline for module in modules if may_differ(module)]
    if not asked:
        return frozenset()
    defaults = {parameter.name: encode(parameter.default) for each in slices for parameter in each.parameters}

    def build(seed: str) -> Mapping[str, Any]:
        own = folder / f"seed_{seed}"
        own.mkdir()
        staged = [stage(own, each, module) for each, module in zip(slices, modules, strict=True)]
        job = {"modules": staged, "defaults": defaults, "asked": asked}
        result, _ = run_job(
            "workbench.promote.repeat_run", job, own, root=root, notebook=notebook, sandbox=sandbox, timeout=timeout,
            environment={"PYTHONHASHSEED": seed},
        )  # fmt: skip
        return result or {}

    with ThreadPoolExecutor(2) as pool:
        built = list(pool.map(build, SEEDS))
    return frozenset(name for name in asked if len({each.get(name) for each in built}) > 1)
