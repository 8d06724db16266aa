"""Whether data keeps what a contract promises: its schema, its key and each of its checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from workbench.catalog.contract import Contract, read_contract
from workbench.catalog.others import other_tables
from workbench.catalog.privacy import hide_examples, personal_of
from workbench.catalog.profile import plain_rows, schema_difference
from workbench.catalog.version import pipelines, version_dir
from workbench.catalog.writing import is_hard
from workbench.config import Workspace
from workbench.errors import InfrastructureError, UnknownName, UsageError
from workbench.model import Check, VersionId
from workbench.runtime import checks
from workbench.runtime.duck import identifier, reported, rows
from workbench.runtime.warehouse import Live, Warehouse

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, slots=True)
class Rule:
    """One promise and how it is kept: rows that break it and a few of them; ``note`` says what can't be counted.

    ``held_back`` says that rows which break it go to quarantine: those that readers see were released.
    """

    kind: Literal["schema", "key", "check"]
    rule: str
    violations: int
    examples: tuple[dict[str, Any], ...] = ()
    note: str = ""
    held_back: bool = False

    @property
    def ok(self) -> bool:
        return self.violations == 0


@dataclass(frozen=True, slots=True)
class Judged:
    """A live version's promises, each held against one table."""

    version: VersionId
    rows: int
    rules: tuple[Rule, ...]

    @property
    def broken(self) -> tuple[Rule, ...]:
        """The rules that are broken and that nobody has let pass."""
        return tuple(rule for rule in self.rules if not rule.ok and not rule.held_back)


def chosen(workspace: Workspace, live: Mapping[str, Live], names: Sequence[str]) -> tuple[Live, ...]:
    """What is live of these pipelines, or of all without any names."""
    known = {*live, *pipelines(workspace)}
    for name in names:
        if name not in known:
            raise UnknownName.of("pipeline", name, known, hint="workbench status")
        if name not in live:
            raise UsageError(f"nothing is published of {name}, so it promises nothing yet", hint="workbench show")
    return tuple(live[name] for name in dict.fromkeys(names or sorted(live)))


def in_production(workspace: Workspace, warehouse: Warehouse, live: Live) -> Judged:
    """What readers see now, held against the contract of its version.

    Raises ``InfrastructureError`` when files of it are damaged or missing.
    """
    version = VersionId(live.pipeline, live.version)
    contract = read_contract(version_dir(workspace, version))
    damaged = warehouse.damaged(live.snapshot)
    if damaged:
        raise InfrastructureError(
            f"data of {version} is damaged or missing: {damaged[0]}", hint=f"workbench run {live.pipeline}"
        )
    con = warehouse.connect()
    try:
        with reported(f"reading {version}"):
            promised = _stored_types(con, contract)
            table = warehouse.read(con, live.snapshot)
            return judge(table, contract, promised, live.snapshot.columns, other_tables(warehouse, con))
    finally:
        con.disconnect()


def judge(
    table: ir.Table, contract: Contract, promised: Mapping[str, str], found: Mapping[str, str], others: checks.Others
) -> Judged:
    """A table held against a contract; ``promised`` and ``found`` are types by column, said in the same way."""
    differing = "" if list(promised.items()) == list(found.items()) else schema_difference(dict(promised), dict(found))
    rules = [Rule("schema", f"{len(promised)} columns", int(bool(differing)), note=differing)]
    key = contract.key
    keyed = (checks.not_null(*key), checks.unique(*key)) if key else ()
    wanted = [*keyed, *(check for check in contract.checks if check not in keyed)]
    there = [check for check in wanted if all(name in table.columns for name in check.columns)]
    results = iter(hide_examples(checks.evaluate(table, there, others=others), personal_of(contract)))
    for check in wanted:
        kind: Literal["key", "check"] = "key" if check in keyed else "check"
        if check in there:
            result = next(results)
            rules.append(Rule(kind, str(check), result.violations, result.examples, held_back=not is_hard(check)))
        else:
            rules.append(Rule(kind, str(check), 1, note=f"column {_missing(check, table)} is missing"))
    return Judged(VersionId(contract.pipeline, contract.version), int(table.count().to_pyarrow().as_py()), tuple(rules))


def judged_json(judged: Judged) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "pipeline": judged.version.pipeline,
        "version": judged.version.number,
        "rows": judged.rows,
        "broken": len(judged.broken),
        "rules": [
            {
                "kind": rule.kind,
                "rule": rule.rule,
                "violations": rule.violations,
                "held_back": rule.held_back,
                "examples": plain_rows(rule.examples),
                "note": rule.note,
            }
            for rule in judged.rules
        ],
    }


def _stored_types(con: Any, contract: Contract) -> dict[str, str]:
    """The types that the contract's columns have once they are written."""
    import ibis

    schema = ibis.schema({name: ibis.dtype(kind)(nullable=True) for name, kind in contract.schema.items()})
    con.create_table("workbench_promised", schema=schema, temp=True)
    return {name: kind for name, kind, *_ in rows(con.con, f"DESCRIBE {identifier('workbench_promised')}")}


def _missing(check: Check, table: ir.Table) -> str:
    return next(name for name in check.columns if name not in table.columns)
