"""Events of OpenLineage: what they say of runs and publications, where they go, and that nothing of theirs stops a run."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import attr
import pytest
from openlineage.client import event_v2, facet_v2

from tests.conftest import Shop

FACETS = {
    "nominalTime": facet_v2.nominal_time_run.NominalTimeRunFacet,
    "errorMessage": facet_v2.error_message_run.ErrorMessageRunFacet,
    "jobType": facet_v2.job_type_job.JobTypeJobFacet,
    "documentation": facet_v2.documentation_job.DocumentationJobFacet,
    "ownership": facet_v2.ownership_job.OwnershipJobFacet,
    "schema": facet_v2.schema_dataset.SchemaDatasetFacet,
    "lifecycleStateChange": facet_v2.lifecycle_state_change_dataset.LifecycleStateChangeDatasetFacet,
    "dataSource": facet_v2.datasource_dataset.DatasourceDatasetFacet,
    "columnLineage": facet_v2.column_lineage_dataset.ColumnLineageDatasetFacet,
    "version": facet_v2.dataset_version_dataset.DatasetVersionDatasetFacet,
    "outputStatistics": facet_v2.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
}
_columns = facet_v2.column_lineage_dataset


def _of_lineage(facet: dict[str, Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """What a facet of column lineage holds, each with its class."""
    for each in facet["fields"].values():
        yield _columns.Fields, each
    for place in [*facet["dataset"], *(place for each in facet["fields"].values() for place in each["inputFields"])]:
        yield _columns.InputField, place
        for role in place["transformations"]:
            yield _columns.Transformation, role


NESTED: dict[str, Callable[[dict[str, Any]], Iterable[tuple[Any, dict[str, Any]]]]] = {
    "columnLineage": _of_lineage,
    "schema": lambda facet: ((facet_v2.schema_dataset.SchemaDatasetFacetFields, each) for each in facet["fields"]),
    "ownership": lambda facet: ((facet_v2.ownership_job.Owner, each) for each in facet["owners"]),
}
TO_FILE = 'file = "lineage/events.jsonl"'


def ask(shop: Shop, settings: str) -> None:
    with (shop.root / "pyproject.toml").open("a") as stream:
        stream.write(f"\n[tool.workbench.openlineage]\n{settings}\n")


def events(shop: Shop) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (shop.root / "lineage" / "events.jsonl").read_text().splitlines()]
    for each in found:
        check(each)
    return found


def check(event: dict[str, Any]) -> None:
    """Hold an event against the client's own classes, each facet against its own."""
    event_v2.Run(event["run"]["runId"])
    event_v2.RunState(event["eventType"])
    known = {each.name for each in attr.fields(event_v2.RunEvent)} | {"schemaURL"}
    assert event.keys() <= known
    datasets = [*event["inputs"], *event["outputs"]]
    groups = [event["run"], event["job"], *datasets]
    for named in [*(each.get("facets", {}) for each in groups), *(each.get("outputFacets", {}) for each in datasets)]:
        for name, facet in named.items():
            made = build(FACETS[name], facet)
            assert made._get_schema() == facet["_schemaURL"]
            assert facet["_producer"] == "urn:workbench"


def build(kind: Any, said: dict[str, Any]) -> Any:
    """An object of the client's class with these values; a name or a value that it does not know raises."""
    names = {each.name.lstrip("_") for each in attr.fields(kind)}
    given = {name: value for name, value in said.items() if name not in ("_producer", "_schemaURL")}
    assert given.keys() <= names, (kind, given.keys() - names)
    return kind(**given)


def steps(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(each["job"]["name"], each["eventType"]) for each in found]


def test_a_run_is_told_from_its_start_to_its_end(published: Shop) -> None:
    ask(published, TO_FILE + '\nnamespace = "shop"')
    assert published.run("run", "daily_sales", "--interval", "2024-01-02..2024-01-03").code == 0
    start, end = events(published)
    assert steps([start, end]) == [("daily_sales", "START"), ("daily_sales", "COMPLETE")]
    assert start["run"]["runId"] == end["run"]["runId"]
    assert end["run"]["facets"]["nominalTime"]["nominalStartTime"] == "2024-01-02T00:00:00+00:00"
    assert end["job"]["facets"]["documentation"]["description"] == "Orders and revenue per day and region."
    assert end["job"]["facets"]["ownership"]["owners"][0]["name"] == "ada@example.org"
    assert [(each["namespace"], each["name"]) for each in end["inputs"]] == [("shop", "customers"), ("shop", "orders")]
    assert end["inputs"][1]["facets"]["dataSource"]["uri"] == "raw/orders/*.parquet"
    (output,) = end["outputs"]
    schema = {each["name"]: each["type"] for each in output["facets"]["schema"]["fields"]}
    assert schema == {"day": "date", "region": "string", "orders": "int64", "revenue": "float64"}
    assert output["facets"]["version"]["datasetVersion"].startswith("daily_sales@1 ")
    assert output["outputFacets"]["outputStatistics"]["rowCount"] > 0
    assert "version" not in start["outputs"][0]["facets"]


def test_columns_are_told_by_role(published: Shop) -> None:
    ask(published, TO_FILE)
    assert published.run("run", "daily_sales").code == 0
    lineage = events(published)[-1]["outputs"][0]["facets"]["columnLineage"]
    assert lineage["fields"]["revenue"]["inputFields"] == [
        {
            "namespace": "workbench",
            "name": "orders",
            "field": "amount",
            "transformations": [{"type": "DIRECT"}],
        }
    ]
    said = {(each["name"], each["field"], kind["subtype"]) for each in lineage["dataset"] for kind in each["transformations"]}
    assert {("orders", "amount", "FILTER"), ("orders", "customer_id", "JOIN"), ("orders", "day", "GROUP_BY")} <= said
    assert "*" not in lineage["fields"]


def test_a_publication_and_a_rollback_are_told_for_each_pipeline(two_versions: Shop) -> None:
    ask(two_versions, TO_FILE)
    assert two_versions.run("publish", "P-2", "--dry-run").code == 0
    assert two_versions.run("publish", "P-2").code == 0
    told = events(two_versions)
    moved = [("daily_sales.publish", kind) for kind in ("START", "COMPLETE")]
    assert [step for step in steps(told) if step[0] == "daily_sales.publish"] == moved
    assert told[-1]["job"]["facets"]["jobType"]["jobType"] == "PUBLISH"
    assert two_versions.run("rollback", "daily_sales").code == 0
    assert "daily_sales@1" in json.dumps(events(two_versions)[len(told) :])


def test_a_pipeline_that_leaves_production_and_comes_back_is_told(published: Shop) -> None:
    ask(published, TO_FILE)
    assert published.run("demote", "region_totals", "--why", "nobody reads it").code == 0
    start, kept = events(published)
    assert steps([start, kept]) == [("region_totals.demote", "START"), ("region_totals.demote", "COMPLETE")]
    assert "region_totals@1" in kept["outputs"][0]["facets"]["version"]["datasetVersion"]
    assert published.run("demote", "region_totals", "--withdraw", "--why", "wrong").code == 0
    start, dropped = events(published)[2:]
    assert "lifecycleStateChange" not in start["outputs"][0]["facets"]
    assert dropped["outputs"][0]["facets"]["lifecycleStateChange"]["lifecycleStateChange"] == "DROP"
    assert published.run("demote", "region_totals", "--undo", "--why", "missed").code == 0
    assert steps(events(published)[4:]) == [("region_totals.publish", "START"), ("region_totals.publish", "COMPLETE")]


def test_a_run_that_fails_says_why(published: Shop) -> None:
    ask(published, TO_FILE)
    (published.root / "raw" / "customers.csv").write_text("customer_id,name,region\nc1,Someone,\n")
    assert published.run("run", "daily_sales").code != 0
    told = events(published)
    assert steps(told)[-1] == ("daily_sales", "FAIL")
    assert told[-1]["run"]["facets"]["errorMessage"]["message"]


@dataclass
class Collector:
    """A real listener on this machine; ``answer`` is the status that it gives."""

    address: str = ""
    answer: int = 201
    got: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)


@pytest.fixture
def collector() -> Iterator[Collector]:
    here = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            here.got.append((self.path, self.headers.get("Authorization", ""), json.loads(body)))
            self.send_response(here.answer)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield here
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_collector_gets_the_events_and_its_token(
    published: Shop, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLLECTOR_KEY", "canary-4711")
    ask(published, f'url = "{collector.address}"\napi_key = "env:COLLECTOR_KEY"')
    ran = published.run("run", "daily_sales")
    assert (ran.code, "warning" in ran.err) == (0, False)
    assert [path for path, _, _ in collector.got] == ["/api/v1/lineage"] * 2
    assert {token for _, token, _ in collector.got} == {"Bearer canary-4711"}
    assert steps([event for _, _, event in collector.got]) == [("daily_sales", "START"), ("daily_sales", "COMPLETE")]
    for _, _, event in collector.got:
        check(event)
        assert "canary" not in json.dumps(event)


def refused(collector: Collector) -> str:
    collector.answer = 500
    return f'url = "{collector.address}"'


def nobody(_: Collector) -> str:
    return 'url = "http://127.0.0.1:9"\ntimeout_seconds = 1.0'


def no_token(collector: Collector) -> str:
    return f'url = "{collector.address}"\napi_key = "env:NOT_SET_ANYWHERE"'


def no_folder(_: Collector) -> str:
    return 'file = "raw/customers.csv/events.jsonl"'


@pytest.mark.parametrize("broken", [refused, nobody, no_token, no_folder])
def test_a_collector_that_fails_never_fails_a_run(
    published: Shop, collector: Collector, broken: Callable[[Collector], str]
) -> None:
    ask(published, broken(collector))
    ran = published.run("run", "daily_sales", "--json")
    assert (ran.code, ran.json["status"]) == (0, "succeeded")
    assert ran.err.count("warning: lineage was not told to OpenLineage: ") == 2


def test_a_library_that_is_missing_is_named_with_the_way_to_get_it(published: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(published, TO_FILE)
    monkeypatch.setitem(__import__("sys").modules, "openlineage.client.event_v2", None)
    ran = published.run("run", "daily_sales")
    assert ran.code == 0
    assert "next: pip install 'ibis-workbench[lineage]'" in ran.err


def test_nothing_is_told_unless_asked_for(published: Shop) -> None:
    assert published.run("run", "daily_sales").code == 0
    assert not (published.root / "lineage").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ('file = "../events.jsonl"', "not a place inside the workspace"),
        ('file = "a.jsonl"\nurl = "http://collector"', "not to both"),
        ('url = "ftp://collector"', "openlineage.url"),
        ('url = "http://me:secret@collector"', "openlineage.url"),
        ('api_key = "canary-4711"', "openlineage.api_key"),
        ('fiel = "a.jsonl"', "did you mean 'file'"),
    ],
)
def test_settings_that_can_not_be_meant_are_refused(shop: Shop, settings: str, said: str) -> None:
    ask(shop, settings)
    ran = shop.run("status")
    assert ran.code == 2
    assert said in ran.err
    assert "canary" not in ran.err
