"""What a run is computed on when it is done again: snapshots as they were then, in a warehouse that is thrown away."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from workbench.runtime.files import make_folder, write_atomic
from workbench.runtime.warehouse import Live, Warehouse

PINNED = "pinned.json"


def pin(folder: Path, scratch: Warehouse, snapshots: Mapping[str, str]) -> None:
    """Tell the run in ``folder`` to write to ``scratch`` and to read these snapshots (ids by pipeline) as what is live."""
    write_atomic(make_folder(folder) / PINNED, json.dumps({"warehouse": str(scratch.folder), "snapshots": dict(snapshots)}))


def seen(warehouse: Warehouse, folder: Path | None, names: Collection[str]) -> tuple[Warehouse, dict[str, Live]]:
    """Where the run in ``folder`` reads and writes, and what of ``names`` is live to it: as pinned, else what readers see."""
    if folder is None or not (place := folder / PINNED).is_file():
        return warehouse, warehouse.live(names)
    told = json.loads(place.read_text(encoding="utf-8"))
    snapshots = {name: warehouse.snapshot(identity, name) for name, identity in told["snapshots"].items()}
    live = {name: Live(name, snapshot.version, snapshot, "") for name, snapshot in snapshots.items()}
    return replace(warehouse, folders=(Path(told["warehouse"]), *warehouse.folders)), live
