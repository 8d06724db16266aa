"""Whether a run can be done as asked, before anything is written: version, parameters, interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.catalog.contract import Contract
from workbench.catalog.endings import demotion_said
from workbench.catalog.version import changed_files, pipelines, version_dir
from workbench.errors import GuardRefused, UnknownName, UsageError
from workbench.model import VersionId
from workbench.parameter import is_reference
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store, endings


def typed_parameters(contract: Contract, given: Mapping[str, Any]) -> dict[str, Any]:
    """A value for each parameter of the contract: the given ones checked, defaults for the others.

    References to secrets stay as they are given: only the process that runs the cells looks them up, and checks them then.

    >>> from workbench.parameter import Parameter
    >>> contract = Contract("p", 1, (), parameters=(Parameter("code", "str", ""), Parameter("n", "int", 3)))
    >>> typed_parameters(contract, {"code": "007"})
    {'code': '007', 'n': 3}
    """
    known = {parameter.name: parameter for parameter in contract.parameters}
    for name in given:
        if name not in known:
            example = f" -p {next(iter(known))}=…" if known else ""
            raise UnknownName.of("parameter", name, known, hint=f"workbench run {contract.pipeline}{example}")
    values = {}
    for name, parameter in known.items():
        value = given.get(name, parameter.default)
        if name not in given:
            values[name] = parameter.check(value)
        elif is_reference(value):
            values[name] = value
        else:
            values[name] = parameter.parse(value) if isinstance(value, str) else parameter.check(parameter.decode(value))
    return values


def untouched_version(store: Store, warehouse: Warehouse, pipeline: str) -> VersionId:
    """The version that readers of a pipeline see, which is as it was promoted; else an error with the next command.

    Raises ``GuardRefused`` for a pipeline that was taken out of production, and for a version that was changed.
    """
    version = _live_version(store, warehouse, pipeline)
    check_untouched(store, version)
    return version


def _live_version(store: Store, warehouse: Warehouse, pipeline: str) -> VersionId:
    live = warehouse.current().views
    gone = endings.demotions(store).get(pipeline)
    if gone is not None:
        raise GuardRefused(f"{pipeline} was {demotion_said(gone)}", hint=f"workbench demote {pipeline} --undo --why …")
    if pipeline in live:
        return VersionId(pipeline, live[pipeline].version)
    known = {*live, *pipelines(store.workspace)}
    if pipeline not in known:
        raise UnknownName.of("pipeline", pipeline, known, hint="workbench status")
    raise UsageError(f"nothing is published of {pipeline}, so there is no version to run", hint="workbench show")


def check_untouched(store: Store, version: VersionId) -> None:
    """A version runs only as it was promoted."""
    known, workspace = store.version(version), store.workspace
    changed = changed_files(workspace, version, expected_manifest=None if known is None else known.manifest_sha256)
    if changed:
        place = version_dir(workspace, version).relative_to(workspace.root).as_posix()
        raise GuardRefused(f"{version} is not as it was promoted: {place}/{changed[0]} was changed", hint="workbench doctor")


def check_interval(contract: Contract) -> None:
    """Refuse an interval for an output that has no partitions in time."""
    kind = contract.schema.get(contract.partition_by or "", "").removeprefix("!")
    if not kind.startswith(("date", "timestamp")):
        why = (
            "it has no partition_by" if contract.partition_by is None else f"its partition_by {contract.partition_by} is {kind}"
        )
        raise UsageError(
            f"{contract.pipeline}@{contract.version} can't be run for an interval: {why}, and a date or timestamp is needed",
            hint=f"workbench run {contract.pipeline}",
        )
