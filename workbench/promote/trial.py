"""Trial: candidates and live versions side by side on one snapshot of production.

Candidates' data is written where no reader looks. For each pipeline two comparisons come out, never mixed:

* logic effect: live version and candidate, both on this snapshot, so that only the code differs;
* data effect: what readers see now and the live version on this snapshot, so that only the data differs.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from workbench.catalog.contract import Contract, complete, read_contract
from workbench.catalog.others import only_referred, other_tables, reached, referred
from workbench.catalog.privacy import classify, declassified, hide_examples, personal_columns, personal_of
from workbench.catalog.version import version_dir
from workbench.catalog.writing import held_back
from workbench.config import Workspace
from workbench.errors import InfrastructureError, UsageError, WorkbenchError
from workbench.model import CheckResult, Edge, Input, Snapshot, VersionId
from workbench.promote.diff import TableDiff, diff_snapshots
from workbench.promote.module import load_module
from workbench.promote.private import hide_values
from workbench.runtime import checks
from workbench.runtime.merge import Rules
from workbench.runtime.warehouse import Live, Warehouse

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from ibis.backends import BaseBackend

Function = Callable[..., "ir.Table"]


@dataclass(frozen=True, slots=True)
class Work:
    """One pipeline to try: the function, what it reads and promises.

    ``contract`` may still lack its columns; they are those of the expression, described by ``docs`` and counted in
    ``units``. ``new`` is False for a live version that is only recomputed because its input changes.
    """

    pipeline: str
    version: int
    function: Function
    contract: Contract
    docs: Mapping[str, str]
    units: Mapping[str, str] = field(default_factory=dict)
    new: bool = True


@dataclass(frozen=True, slots=True)
class Tried:
    """What the trial of one pipeline gave.

    ``expression`` is the SHA-256 of the compiled expression over unbound inputs and ``lineage`` what its columns rest on;
    ``seconds`` is the wall-clock time of computing and writing the candidate, ``live_seconds`` that of the live version.
    ``logic`` and ``data`` are None where there is nothing to compare with, and ``note`` says why. ``input_types`` are the Ibis
    types of the columns that code names or lineage reaches, of each input and each table that checks look into, by the name of
    the table. ``personal`` maps columns to the personal ones that they are computed from, declassified ones too. ``states``
    says of each input what was read: the digest of a source, the snapshot of a pipeline.
    """

    pipeline: str
    version: int
    snapshot: Snapshot
    contract: Contract
    live: Live | None
    live_contract: Contract | None
    logic: TableDiff | None
    data: TableDiff | None
    checks: tuple[CheckResult, ...]
    key_checks: tuple[CheckResult, ...]
    expression: str
    seconds: float
    note: str = ""
    input_types: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    lineage: tuple[Edge, ...] = ()
    personal: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    live_seconds: float | None = None
    states: Mapping[str, str] = field(default_factory=dict)


def run_trial(
    workspace: Workspace, warehouse: Warehouse, work: Sequence[Work], progress: Callable[[str], None]
) -> tuple[Tried, ...]:
    """Run every candidate, inputs before what reads them, beside the live versions.

    Raises ``InfrastructureError`` when a source changes meanwhile, so that the comparisons would mix code and data.
    """
    names = sorted({source.name for each in work for source in each.contract.inputs if source.kind == "source"})
    con = warehouse.connect()
    try:
        before = {name: warehouse.source_digest(name, con) for name in names}
        live = warehouse.live()
        snapshots: dict[str, Snapshot] = {}
        baselines: dict[str, Snapshot] = {}
        tried: list[Tried] = []
        contracts = {name: read_contract(version_dir(workspace, VersionId(name, at.version))) for name, at in live.items()}
        for each in work:
            progress(f"trial of {each.pipeline}@{each.version}")
            found = _try(workspace, warehouse, con, each, live, contracts, snapshots, baselines)
            shown = {name: at.snapshot.id for name, at in live.items()} | {name: at.id for name, at in snapshots.items()}
            states = {one.name: (before if one.kind == "source" else shown)[one.name] for one in each.contract.inputs}
            tried.append(replace(found, states=states))
            contracts[each.pipeline] = tried[-1].contract
        changed = [name for name in names if warehouse.source_digest(name, con) != before[name]]
    finally:
        con.disconnect()
    if changed:
        raise InfrastructureError(f"source {changed[0]} changed during the trial", hint="type the same command again")
    return tuple(tried)


def _try(
    workspace: Workspace,
    warehouse: Warehouse,
    con: BaseBackend,
    work: Work,
    live: Mapping[str, Live],
    contracts: Mapping[str, Contract],
    snapshots: dict[str, Snapshot],
    baselines: dict[str, Snapshot],
) -> Tried:
    import ibis

    from workbench.catalog.lineage import column_lineage
    from workbench.runtime.local import inputs_of

    current = live.get(work.pipeline)
    started = time.monotonic()
    tables = _inputs(warehouse, con, work.contract.inputs, live, snapshots)
    expr = _call(work.function, tables, work.contract)
    contract = complete(work.contract, {name: str(kind) for name, kind in expr.schema().items()}, work.docs, work.units)
    unbound = unbound_table(work.function, tables, contract)
    edges = column_lineage(unbound, {each.argument: each.name for each in contract.inputs}, inputs_of)
    personal = personal_columns(workspace.settings, edges, contracts)
    contract = classify(contract, personal.keys() - declassified(workspace.settings, work.pipeline).keys())
    with _explained(f"{work.pipeline} can't be computed on production's tables"):
        snapshot = _staged(warehouse, expr, contract)
    seconds = time.monotonic() - started
    snapshots[work.pipeline] = snapshot
    table = warehouse.read(con, snapshot)
    key = contract.key
    others = other_tables(warehouse, con, snapshots)
    key_rules = (checks.not_null(*key), checks.unique(*key)) if key else ()
    with _explained(
        f"a check of {work.pipeline} can't be evaluated", "correct the check in the notebook, then: workbench check"
    ):
        results = checks.evaluate(table, (*contract.checks, *key_rules), others=others)
    logic = data = live_contract = live_seconds = None
    note = "no live version yet"
    if current is not None:
        live_contract = contracts[work.pipeline]
        try:
            started = time.monotonic()
            baseline = _baseline(workspace, warehouse, con, current, live_contract, live, baselines)
            live_seconds = time.monotonic() - started
            now = current.snapshot
            read = partial(warehouse.read, con)
            logic = diff_snapshots(baseline, snapshot, read, key=_common(key, baseline.columns, snapshot.columns))
            data = diff_snapshots(now, baseline, read, key=_common(live_contract.key, now.columns, baseline.columns))
            note = ""
        except UsageError as error:
            note = f"the live version {current.pipeline}@{current.version} no longer runs on this snapshot: {error.message}"
    hidden = personal_of(contract, live_contract)
    results = hide_examples(results, hidden)
    return Tried(
        pipeline=work.pipeline,
        version=work.version,
        snapshot=snapshot,
        contract=contract,
        live=current,
        live_contract=live_contract,
        logic=logic and hide_values(logic, hidden),
        data=data and hide_values(data, hidden),
        checks=results[: len(contract.checks)],
        key_checks=results[len(contract.checks) :],
        expression=hashlib.sha256(str(ibis.to_sql(unbound, dialect="duckdb")).encode()).hexdigest(),
        seconds=seconds,
        note=note,
        input_types=_types(contract, edges, tables, others),
        lineage=edges,
        personal=personal,
        live_seconds=live_seconds,
    )


def _types(
    contract: Contract, edges: Iterable[Edge], tables: Mapping[str, ir.Table], others: checks.Others
) -> dict[str, dict[str, str]]:
    """The types of what is read of each input, and of each table that checks look into."""
    at = [(edge.input, edge.input_column) for edge in (*edges, *referred(contract))]
    read = {each.name: (tables[each.argument], each.columns) for each in contract.inputs}
    read |= {name: (others(name), columns) for name, columns in only_referred(contract).items()}
    found = {}
    for name, (table, named) in read.items():
        schema = table.schema()
        found[name] = {column: str(schema[column]) for column in reached(named, at, name)}
    return found


def _baseline(
    workspace: Workspace,
    warehouse: Warehouse,
    con: BaseBackend,
    current: Live,
    contract: Contract,
    live: Mapping[str, Live],
    baselines: dict[str, Snapshot],
) -> Snapshot:
    """What the live version computes on this snapshot."""
    folder = version_dir(workspace, VersionId(current.pipeline, current.version))
    function = load_module(folder / "__init__.py", current.pipeline)
    tables = _inputs(warehouse, con, contract.inputs, live, baselines)
    expr = _call(function, tables, contract)
    with _explained("it can't be computed"):
        baseline = _staged(warehouse, expr, contract)
    baselines[current.pipeline] = baseline
    return baseline


def _staged(warehouse: Warehouse, expr: ir.Table, contract: Contract) -> Snapshot:
    """A result as a run would stage it, without the rows that go to quarantine."""
    written = warehouse.stage(
        expr,
        pipeline=contract.pipeline,
        version=contract.version,
        key=contract.key,
        partition_by=contract.partition_by,
        rules=Rules(reject=held_back(contract)),
    )
    return written.snapshot


def _inputs(
    warehouse: Warehouse,
    con: BaseBackend,
    inputs: Sequence[Input],
    live: Mapping[str, Live],
    computed: Mapping[str, Snapshot],
) -> dict[str, ir.Table]:
    """A table for each argument: a source, what this trial computed, or what readers see of another pipeline."""
    tables = {}
    for source in inputs:
        if source.kind == "source":
            tables[source.argument] = warehouse.source(con, source.name)
        elif source.name in computed:
            tables[source.argument] = warehouse.read(con, computed[source.name])
        elif source.name in live:
            tables[source.argument] = warehouse.read(con, live[source.name].snapshot)
        else:
            raise UsageError(
                f"input {source.name} is a pipeline that nothing is published of",
                hint=f"promote and publish {source.name} first",
            )
    return tables


def _call(function: Function, tables: Mapping[str, ir.Table], contract: Contract) -> ir.Table:
    """The version's expression; a column that a source lost is named with the source."""
    pipeline = contract.pipeline
    for source in contract.inputs:
        missing = [column for column in source.columns if column not in tables[source.argument].columns]
        if missing:
            raise UsageError(
                f"{source.kind} {source.name} has no column {missing[0]!r}, which {pipeline} reads; it has "
                + ", ".join(tables[source.argument].columns),
                hint="correct the notebook or the source, then: workbench check",
            )
    parameters: dict[str, Any] = {parameter.name: parameter.default for parameter in contract.parameters}
    with _explained(f"{pipeline} can't be built on production's tables"):
        return function(**tables, **parameters)


@contextlib.contextmanager
def _explained(what: str, hint: str = "workbench sandbox create, then: workbench edit") -> Iterator[None]:
    """Whatever analysts' code or production's values make of an expression is a ``UsageError``, never a traceback."""
    import duckdb
    from ibis.common.annotations import ValidationError
    from ibis.common.exceptions import IbisError

    refused = (IbisError, ValidationError, duckdb.Error, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
    try:
        yield
    except WorkbenchError:
        raise
    except (duckdb.IOException, duckdb.OutOfMemoryException, OSError):
        raise
    except refused as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UsageError(f"{what}: {type(error).__name__}: {said}", hint=hint) from error


def unbound_table(function: Function, tables: Mapping[str, ir.Table], contract: Contract) -> ir.Table:
    """The version's expression over empty tables that are named as its arguments."""
    import ibis

    schemas = {argument: table.schema() for argument, table in tables.items()}
    try:
        return _call(function, {argument: ibis.table(schema, name=argument) for argument, schema in schemas.items()}, contract)
    except UsageError:
        # A query written in SQL asks a database for the types of its result: empty tables are enough for that.
        con = ibis.duckdb.connect()
        empty = {argument: con.create_table(argument, schema=schema) for argument, schema in schemas.items()}
        return _call(function, empty, contract)


def _common(key: Sequence[str], *columns: Iterable[str]) -> tuple[str, ...]:
    """The key, when every table has it; else no key."""
    return tuple(key) if all({*key} <= {*each} for each in columns) else ()
