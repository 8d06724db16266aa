"""What a run notebook calls: inputs in, result staged where no reader looks, checks, profile.

``Job`` never publishes. It leaves ``result.json`` in the folder of its run; whoever started the run reads it and decides.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.catalog.contract import Contract, read_contract
from workbench.catalog.environment import recorded
from workbench.catalog.others import other_tables
from workbench.catalog.pinned import seen
from workbench.catalog.profile import describe, examples, first_rows, partitions_moved, plain_rows, schema_difference
from workbench.catalog.showing import Inputs, Shown, broken_by
from workbench.catalog.version import importable
from workbench.catalog.writing import is_hard, rules_of
from workbench.config import Workspace, find_workspace
from workbench.errors import InfrastructureError, UsageError, WorkbenchError
from workbench.model import SCHEMA_VERSION, CheckResult, Input, Interval, Snapshot
from workbench.parameter import encode, is_reference
from workbench.runtime import checks
from workbench.runtime.distant import rows_of
from workbench.runtime.duck import BYTES_OF_A_THREAD, ROWS_OF_A_THREAD, identifier, place_of, rows, widen
from workbench.runtime.files import make_folder, write_atomic
from workbench.runtime.secret import redacted, resolve
from workbench.runtime.sources import source_size, source_stamp
from workbench.runtime.warehouse import SPILL, Warehouse

if TYPE_CHECKING:
    import ibis.expr.types as ir

RESULT = "result.json"
RELEASED = "released.json"  # what the run is given beside its parameters: files of rows to let through
SAMPLE_ROWS = 5

# Names that the cells of a run notebook use themselves.
TAKEN = frozenset("workspace run_id interval_start interval_end job inputs table Job date inf nan".split())


def variable(parameter: str) -> str:
    """The variable of a run notebook that holds a parameter.

    >>> variable("min_delay"), variable("inputs")
    ('min_delay', 'inputs_')
    """
    return f"{parameter}_" if parameter in TAKEN else parameter


class ChecksFailed(WorkbenchError):
    """The result breaks its contract; in a notebook shown without our own frames."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self.message}"]


class Job:
    """One run of one version, seen from inside its notebook."""

    def __init__(self, workspace: Workspace, contract: Contract, run_id: str, interval: Interval | None) -> None:
        self.workspace = workspace
        self.contract = contract
        self.interval = interval
        self._place = workspace.runs / run_id / RESULT if run_id else None
        read = {contract.pipeline, *(each.name for each in contract.inputs if each.kind == "pipeline")}
        self.warehouse, self.live = seen(Warehouse.open(workspace), None if self._place is None else self._place.parent, read)
        self.con = self.warehouse.connect()
        self.staged: Snapshot | None = None
        self._stamps: dict[str, tuple[object, ...]] = {}  # what tells the files of sources, from before they were looked at
        self._read: ir.Table | None = None
        self.result: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "pipeline": contract.pipeline,
            "version": contract.version,
            "interval": None if interval is None else str(interval),
            **(recorded(workspace.state) if run_id else {}),
            "finished": False,
        }

    @classmethod
    def begin(
        cls, workspace: str, pipeline: str, version: int, run_id: str = "", interval_start: str = "", interval_end: str = ""
    ) -> Job:
        """A job for one version; afterwards ``promoted.<pipeline>.v<N>`` can be imported.

        ``run_id`` names the run's folder among the workspace's runs; of a run that is none of theirs it is the folder's path.
        Raises ``UsageError`` when one end of the interval is missing.
        """
        found = find_workspace(Path(workspace))
        # Importing a version must not leave anything in its directory, and its folder must not hide other modules.
        sys.dont_write_bytecode = True
        if str(found.root) not in sys.path:
            sys.path.append(str(found.root))
        importable(found)
        if bool(interval_start) != bool(interval_end):
            raise UsageError("an interval needs both interval_start and interval_end", hint="leave both empty for all data")
        interval = Interval.parse(f"{interval_start}..{interval_end}") if interval_start else None
        return cls(found, read_contract(found.promoted / pipeline / f"v{version}"), run_id, interval)

    def inputs(self) -> Inputs:
        """Every input of the version: sources as they are now, other pipelines as their readers see them."""
        inputs = Inputs()
        facts: list[dict[str, Any]] = []
        widen(self.con, size=sum(map(self._size, self.contract.inputs)))
        for each in self.contract.inputs:
            table, state = self._input(each)
            inputs[each.argument] = table
            rows, of = self._rows(each, table)
            facts.append({"name": each.name, "kind": each.kind, "state": state, "rows": rows, "in_interval": of})
        read = sum(fact["rows"] for fact in facts)
        widen(self.con, rows=read)
        self._keep(inputs=facts, rows_in=read)
        lines = tuple(
            (f["name"], f["kind"], f["rows"], f"in {self.interval}" if f["in_interval"] else "all", f["state"][:40])
            for f in facts
        )
        inputs.shown = Shown("", ("input", "kind", "rows", "which", "state"), lines)
        return inputs

    def value(self, name: str, given: Any) -> Any:
        """A parameter as its type, from what the notebook holds: moments are text, and a reference stands for a secret.

        Raises ``UsageError`` when it does not fit the contract; what a secret holds is not said.
        """
        parameter = next(each for each in self.contract.parameters if each.name == name)
        if not is_reference(given) or given == encode(parameter.default):
            return parameter.check(parameter.decode(given))
        held = resolve(given)
        try:
            return parameter.parse(held)
        except UsageError:
            raise UsageError(
                f"parameter {name}: {given} does not hold {parameter.domain()}", hint="correct the secret"
            ) from None

    def write(self, table: ir.Table) -> Shown:
        """Compute the result and stage it where no reader looks.

        Raises ``ChecksFailed`` when its columns are not those of the contract.
        """
        contract = self.contract
        self.result["code_sha256"] = _code_sha256(contract)
        found = {name: str(kind) for name, kind in table.schema().items()}
        if found != contract.schema:
            raise ChecksFailed(schema_difference(contract.schema, found), hint=f"workbench history {contract.pipeline}")
        current = self.live.get(contract.pipeline)
        base = current.snapshot if current is not None else None
        written = self.warehouse.stage(
            table,
            pipeline=contract.pipeline,
            version=contract.version,
            key=contract.key,
            partition_by=contract.partition_by,
            base=base,
            interval=self.interval,
            rules=rules_of(contract, self._released()),
        )
        self._refuse_changed()
        self.staged, self._read = written.snapshot, None
        staged = self.staged
        widen(self.con, rows=staged.rows)
        partitions = partitions_moved(base, staged)
        rejected = written.rejected
        self._keep(
            base=None if base is None else base.id,
            snapshot=staged.id,
            rows_out=written.computed,
            rows_rejected=0 if rejected is None else rejected.rows,
            quarantine=None if rejected is None else asdict(rejected),
            late={"rows": written.late, "partitions": written.reopened},
            merged={"added": written.added, "updated": written.updated, "ignored": written.ignored},
            rows=staged.rows,
            bytes=staged.bytes,
            partitions=partitions,
            empty=written.computed == 0,
        )
        counted = tuple((name, count) for name, count in partitions.items())
        held = f"; {rejected.rows:,} held back" if rejected is not None else ""
        late = f"; {written.late:,} came late" if written.late else ""
        said = f"{written.computed:,} rows computed{held}{late}; {staged.rows:,} rows staged as {staged.id}"
        return Shown(said, ("partitions", "count"), counted)

    def check(self) -> Shown:
        """Hold the staged result against the contract's checks and key.

        Raises ``ChecksFailed`` naming each broken check with a few of its rows. A result without rows is not checked: it is
        not going to be shown to readers.
        """
        self._staged()
        if self.result["empty"]:
            return Shown("nothing to check: no rows were computed", (), ())
        key = self.contract.key
        keyed = (checks.not_null(*key), checks.unique(*key)) if key else ()
        wanted = [*keyed, *(check for check in self.contract.checks if check not in keyed)]
        until = None if self.interval is None else min(self.interval.end, dt.datetime.now(dt.UTC))
        results = checks.evaluate(self._table(), wanted, others=other_tables(self.warehouse, self.con), now=until)
        self._keep(checks=[_said(each) for each in results])
        broken = [each for each in results if not each.ok and is_hard(each.check)]
        if broken:
            lines = [f"{each.check}: {broken_by(each.violations)}" + examples(each.examples) for each in broken]
            raise ChecksFailed("\n".join(lines), hint="")
        return Shown("", ("check", "rows that break it"), tuple((str(each.check), each.violations) for each in results))

    def profile(self) -> Shown:
        """Rows, NULLs, lowest and highest value of each column; a few rows beneath."""
        from IPython.display import display

        table = self._table()
        described = describe(table)
        self.result["profile"] = described
        columns = tuple((c["column"], c["type"], c["nulls"], c["min"], c["max"]) for c in described["columns"])
        first = first_rows(table, self.contract.key, SAMPLE_ROWS)
        display(Shown(f"{described['rows']:,} rows", ("column", "type", "NULLs", "lowest", "highest"), columns))
        return Shown("first rows", tuple(table.columns), tuple(first))

    def finish(self) -> Shown:
        """Say that every step is done."""
        self._keep(finished=True, durable=True)
        if (self.workspace.state / SPILL).exists():  # what was spilled goes with the session; all else with the process
            self.con.disconnect()
        if self.result["empty"]:
            return Shown("no rows were computed: readers keep what they have", (), ())
        return Shown("done: readers see this once it is published", (), ())

    def _input(self, each: Input) -> tuple[ir.Table, str]:
        if each.kind == "source":
            self._stamps[each.name] = source_stamp(self.workspace, each.name) or ()
            return self.warehouse.source(self.con, each.name), self.warehouse.source_digest(each.name, self.con)
        if each.name not in self.live:
            raise UsageError(f"input {each.name}: nothing is published of it", hint=f"workbench show {each.name}")
        snapshot = self.live[each.name].snapshot
        return self.warehouse.read(self.con, snapshot), snapshot.id

    def _refuse_changed(self) -> None:
        """Raise when a file of a source is another one by now: what was computed may be of neither state, or of both."""
        for name, before in self._stamps.items():
            now: tuple[object, ...] = ()
            with contextlib.suppress(UsageError):  # none is left
                now = source_stamp(self.workspace, name) or ()
            if not set(before) <= set(now):  # one that came since is for the next run
                raise InfrastructureError(
                    f"source {name} changed while it was read",
                    hint="have its files written under other names and renamed, then type the same command again",
                )

    def _size(self, each: Input) -> float:
        """Bytes of the files that an input is read from; endless where a server sends its rows."""
        if each.kind == "source":
            return source_size(self.workspace, each.name)
        return self.live[each.name].snapshot.bytes if each.name in self.live else 0

    def _rows(self, each: Input, table: ir.Table) -> tuple[int, bool]:
        """Rows of an input, and whether only those of the interval are counted."""
        time = self._time(each)
        query, bounds = f"SELECT count(*) FROM {place_of(table)}", []
        timed = self.interval is not None and time is not None and time in table.columns
        if (there := rows_of(table, time if timed else None, self.interval)) is not None:
            return there, timed
        if self.interval is not None and time is not None and time in table.columns:
            at = f"CAST({identifier(time)} AS TIMESTAMP WITH TIME ZONE)"  # the session's zone is UTC
            query, bounds = f"{query} WHERE {at} >= $1 AND {at} < $2", [self.interval.start, self.interval.end]
        ((count,),) = rows(self.con.con, query, bounds)
        return int(count), bool(bounds)

    def _time(self, each: Input) -> str | None:
        """The column that says when a row of an input happened, where one is declared."""
        if each.kind == "source":
            return self.workspace.source(each.name).time
        column = self.live[each.name].snapshot.partition_by
        kind = self.live[each.name].snapshot.columns.get(column or "", "")
        return column if kind.startswith(("DATE", "TIMESTAMP")) else None

    def _released(self) -> list[Path]:
        """The files of rows that were held back once and then let through."""
        if self._place is None or not (listed := self._place.with_name(RELEASED)).exists():
            return []
        return [self.workspace.warehouse / each for each in json.loads(listed.read_text(encoding="utf-8"))]

    def _staged(self) -> Snapshot:
        if self.staged is None:
            raise UsageError("nothing is staged yet", hint="call job.write(table) first")
        return self.staged

    def _table(self) -> ir.Table:
        """What is staged, read back from its files; once, where that is little."""
        if self._read is None:
            staged = self._staged()
            little = staged.rows <= ROWS_OF_A_THREAD and staged.bytes <= BYTES_OF_A_THREAD
            self._read = self.warehouse.read(self.con, staged, once=little)
        return self._read

    def _keep(self, *, durable: bool = False, **facts: Any) -> None:
        """Add to what the run leaves; only a result that is finished need outlast a power cut, with which a run ends anyway."""
        self.result |= facts
        if self._place is not None:
            make_folder(self._place.parent)
            # People read the finished one; Python indents without its quick encoder.
            text = json.dumps(redacted(self.result), indent=2 if durable else None, ensure_ascii=False, default=str) + "\n"
            write_atomic(self._place, text, durable=durable)


def _said(result: CheckResult) -> dict[str, Any]:
    """A check's result as JSON has it; where rows are held back, those that break it were released once."""
    said: dict[str, Any] = {"check": str(result.check), "violations": result.violations}
    said |= {"examples": plain_rows(result.examples)} | ({} if is_hard(result.check) else {"on_failure": "quarantine"})
    return said


def _code_sha256(contract: Contract) -> str:
    """Digest of the module that was imported, "" when the notebook computes something else."""
    module = sys.modules.get(f"promoted.{contract.pipeline}.v{contract.version}")
    file = getattr(module, "__file__", None)
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ""
