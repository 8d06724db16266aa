"""What differs between two contracts, part by part."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

from workbench.catalog.contract import Contract

_MISSING: Any = None  # what an import takes for a package that is not there


def contract_changes(old: Contract, new: Contract) -> dict[str, str]:
    """Each part of the promise that differs, such as ``columns.rate.doc``, and how; versions are not compared.

    >>> old = Contract("p", 1, (), key=("id",), doc="a")
    >>> contract_changes(old, Contract("p", 2, (), key=("id", "day"), doc="a"))
    {'key.day': 'added'}
    """
    found = _deepdiff()(_plain(old), _plain(new), view="tree")
    changes: dict[str, str] = {}
    for kind, items in found.items():
        for item in items:
            path = ".".join(str(part) for part in item.path(output_format="list"))
            if kind.endswith("_added"):
                changes[path] = "added"
            elif kind.endswith("_removed"):
                changes[path] = "removed"
            else:
                changes[path] = f"{item.t1!r} becomes {item.t2!r}"
    return dict(sorted(changes.items()))


def _deepdiff() -> Any:
    """DeepDiff, without importing the data frames that it could compare, too: half a second that dictionaries don't need."""
    absent = [name for name in ("pandas", "polars") if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent, _MISSING))
    try:
        from deepdiff import DeepDiff
    finally:
        for name in absent:
            del sys.modules[name]
    return DeepDiff


def _plain(contract: Contract) -> dict[str, Any]:
    """The contract as nested dictionaries by name: what is named is found again wherever it stands."""
    plain: dict[str, Any] = asdict(contract)
    del plain["version"]
    plain["key"] = dict.fromkeys(contract.key, True)
    plain["checks"] = {
        str(check): {"rule": check.rule, "args": check.args, "on_failure": check.on_failure} for check in contract.checks
    }
    for part in ("columns", "parameters", "inputs"):
        plain[part] = {entry["name"]: entry for entry in plain[part]}
    return plain
