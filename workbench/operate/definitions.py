"""What planning needs to know of the pipelines of a workspace, read again only when a file has changed."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from workbench.catalog.contract import Contract, read_contract
from workbench.catalog.version import version_dir
from workbench.config import Workspace
from workbench.errors import UsageError
from workbench.model import VersionId
from workbench.operate.idle import stamp
from workbench.operate.intervals import partitions_of
from workbench.operate.plan import Definition, inherit
from workbench.operate.schedule import FILE, PipelineConfig, read_config
from workbench.runtime.views import View
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store, endings, tables


@dataclass(slots=True)
class Reader:
    """Reads the definitions of a workspace, and keeps what has not changed since."""

    workspace: Workspace
    _configs: dict[str, tuple[bytes, PipelineConfig, str]] = field(default_factory=dict)
    _contracts: dict[VersionId, Contract] = field(default_factory=dict)
    _since: dict[str, dt.datetime] = field(default_factory=dict)
    _shown: Mapping[str, View] = field(default_factory=dict)
    _moved: tuple[int, str] | None = None
    _found: tuple[dict[str, Definition], dict[str, Definition]] = ({}, {})  # as read, and with the clocks that they go by

    def read(self, store: Store) -> dict[str, Definition]:
        """Every published pipeline, by name; with the clock that each goes by."""
        moved = last_move(store)
        if moved is None or moved != self._moved:  # runs leave readers at their version
            self._shown, self._moved = Warehouse.open(self.workspace).current().views, moved
        shown = self._shown
        if not shown.keys() <= self._since.keys():
            self._since = first_published(store)
        found, gone, promoted = {}, endings.demotions(store), os.fspath(self.workspace.promoted)
        for name, view in shown.items():
            config, problem = self._config(name, f"{promoted}/{name}/{FILE}")
            if name in gone:  # readers keep its last data, and nothing refreshes it
                config = config.model_copy(update={"schedule": None})
            upstream: tuple[str, ...] = ()
            partitions = None
            try:
                contract = self._contract(VersionId(name, view.version))
                upstream = tuple(each.name for each in contract.inputs if each.kind == "pipeline")
                partitions = partitions_of(contract)
            except UsageError as error:
                problem = problem or error.message
            since = self._since.get(name, dt.datetime(2000, 1, 1, tzinfo=dt.UTC))
            found[name] = Definition(name, config, since, upstream, partitions, problem)
        if found != self._found[0]:
            self._found = found, inherit(found)
        return self._found[1]

    def _config(self, name: str, file: str) -> tuple[PipelineConfig, str]:
        now = stamp(file)
        known = self._configs.get(name)
        if known is None or known[0] != now:
            try:
                known = (now, read_config(self.workspace, name), "")
            except UsageError as error:
                known = (now, PipelineConfig(schedule=None), error.message.splitlines()[0])
            self._configs[name] = known
        return known[1], known[2]

    def _contract(self, version: VersionId) -> Contract:
        """A version never changes, so its contract is read once; a run verifies its hash."""
        if version not in self._contracts:
            self._contracts[version] = read_contract(version_dir(self.workspace, version))
        return self._contracts[version]


def last_move(store: Store) -> tuple[int, str] | None:
    """The last operation that may have shown readers another version: its number and state."""
    found = store.select(tables.operations, tables.operations.c.kind != "run", newest_first=True, limit=1)
    return (int(found[0]["number"]), str(found[0]["state"])) if found else None


def first_published(store: Store) -> dict[str, dt.datetime]:
    """When readers of each pipeline were first shown something."""
    found: dict[str, dt.datetime] = {}
    for operation in store.operations(state="done"):
        for target in operation.targets:
            if target.new is not None:
                found.setdefault(target.pipeline, operation.at)
    return found
