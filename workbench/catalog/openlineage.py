"""One event of OpenLineage: a run of a pipeline or a move of its readers, with schemas and lineage by column.

Built from the facet classes of OpenLineage's own client, which is asked for only here and where events are sent.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.catalog.contract import Contract
from workbench.catalog.owner import owner
from workbench.catalog.trace import ROWS
from workbench.catalog.version import read_manifest, version_dir
from workbench.config import Workspace
from workbench.model import Edge, Interval, VersionId

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, OutputDataset, RunEvent
    from openlineage.client.facet_v2 import column_lineage_dataset, schema_dataset

PRODUCER = "urn:workbench"
# A role in the words of the standard: type and subtype.
_TRANSFORMATIONS: Mapping[str, tuple[str, str | None]] = {
    "value": ("DIRECT", None),
    "filter": ("INDIRECT", "FILTER"),
    "join": ("INDIRECT", "JOIN"),
    "group": ("INDIRECT", "GROUP_BY"),
    "order": ("INDIRECT", "SORT"),
}


@dataclass(frozen=True, slots=True)
class Happening:
    """What an event tells. ``kind`` is START, COMPLETE, FAIL or ABORT; equal ``identity`` means the same run.

    ``task`` is RUN, PUBLISH when readers are moved, or DEMOTE. ``snapshot`` and ``rows`` are what readers see afterwards;
    ``dropped`` says that they see the table no more.
    """

    kind: str
    task: str
    identity: str
    at: dt.datetime
    error: str = ""
    interval: Interval | None = None
    snapshot: str | None = None
    rows: int | None = None
    dropped: bool = False


def event(workspace: Workspace, version: VersionId, contract: Contract, what: Happening) -> RunEvent:
    """The event. Jobs are called as their pipeline, those that move readers with ``.publish`` or ``.demote`` behind it."""
    from openlineage.client.event_v2 import Job, Run, RunEvent, RunState, set_producer
    from openlineage.client.facet_v2 import documentation_job, error_message_run, job_type_job, nominal_time_run, ownership_job

    set_producer(PRODUCER)
    namespace = workspace.settings.openlineage.namespace
    manifest = read_manifest(version_dir(workspace, version))
    said: dict[str, Any] = {}
    if what.interval is not None:
        start, end = (moment.isoformat() for moment in (what.interval.start, what.interval.end))
        said["nominalTime"] = nominal_time_run.NominalTimeRunFacet(start, end)
    if what.error:
        said["errorMessage"] = error_message_run.ErrorMessageRunFacet(what.error, "python")
    job: dict[str, Any] = {"jobType": job_type_job.JobTypeJobFacet("BATCH", "WORKBENCH", what.task)}
    if contract.doc:
        job["documentation"] = documentation_job.DocumentationJobFacet(contract.doc)
    who = owner(workspace, version.pipeline)
    if who:
        job["ownership"] = ownership_job.OwnershipJobFacet([ownership_job.Owner(who, "OWNER")])
    name = version.pipeline if what.task == "RUN" else f"{version.pipeline}.{what.task.lower()}"
    return RunEvent(
        eventTime=what.at.isoformat(),
        run=Run(str(uuid.uuid5(uuid.NAMESPACE_URL, f"{PRODUCER}:{namespace}:{name}:{what.identity}")), said),
        job=Job(namespace, name, job),
        eventType=RunState(what.kind),
        inputs=_inputs(workspace, manifest),
        outputs=[_output(namespace, version, contract, manifest, what)],
    )


def _inputs(workspace: Workspace, manifest: Mapping[str, Any]) -> list[InputDataset]:
    """Each table that is read, once; of a source also where it is, unless that is a secret."""
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.facet_v2 import datasource_dataset

    found = {}
    for each in manifest["lineage"]["inputs"]:
        facets: dict[str, Any] = {"schema": _schema((name, type_, "") for name, type_ in each.get("types", {}).items())}
        source = workspace.settings.sources.get(each["name"]) if each["kind"] == "source" else None
        if source is not None and not source.read.startswith("env:"):
            facets["dataSource"] = datasource_dataset.DatasourceDatasetFacet(each["name"], source.read)
        found[each["name"]] = InputDataset(workspace.settings.openlineage.namespace, each["name"], facets=facets)
    return [found[name] for name in sorted(found)]


def _output(
    namespace: str, version: VersionId, contract: Contract, manifest: Mapping[str, Any], what: Happening
) -> OutputDataset:
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import (
        dataset_version_dataset,
        lifecycle_state_change_dataset,
        output_statistics_output_dataset,
    )

    edges = [Edge(**edge) for edge in manifest["lineage"].get("columns", ()) if edge["role"] != "rule"]
    facets: dict[str, Any] = {
        "schema": _schema((each.name, each.type, each.doc) for each in contract.columns),
        "columnLineage": _lineage(namespace, edges),
    }
    if what.snapshot is not None:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(f"{version} {what.snapshot}")
    if what.dropped:
        change = lifecycle_state_change_dataset.LifecycleStateChange.DROP
        facets["lifecycleStateChange"] = lifecycle_state_change_dataset.LifecycleStateChangeDatasetFacet(change)
    figures: dict[str, Any] = {}
    if what.rows is not None:
        figures["outputStatistics"] = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(what.rows)
    return OutputDataset(namespace, version.pipeline, facets=facets, outputFacets=figures)


def _schema(columns: Iterable[tuple[str, str, str]]) -> schema_dataset.SchemaDatasetFacet:
    from openlineage.client.facet_v2 import schema_dataset

    fields = [schema_dataset.SchemaDatasetFacetFields(name, type_, doc or None) for name, type_, doc in columns]
    return schema_dataset.SchemaDatasetFacet(fields)


def _lineage(namespace: str, edges: Iterable[Edge]) -> column_lineage_dataset.ColumnLineageDatasetFacet:
    """Columns by what their values rest on; what decides on rows is said of the dataset as a whole."""
    from openlineage.client.facet_v2 import column_lineage_dataset as facet

    roles: dict[str, dict[tuple[str, str], list[str]]] = {}
    for edge in edges:
        roles.setdefault(edge.column, {}).setdefault((edge.input, edge.input_column), []).append(edge.role)
    fields = {
        column: [
            facet.InputField(namespace, *place, [facet.Transformation(*_TRANSFORMATIONS[role]) for role in sorted(by)])
            for place, by in sorted(places.items())
        ]
        for column, places in sorted(roles.items())
    }
    rows = fields.pop(ROWS, [])
    return facet.ColumnLineageDatasetFacet({column: facet.Fields(places) for column, places in fields.items()}, rows)
