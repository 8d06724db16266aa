"""Writing the sample: masked, sorted, one table a source, with a flag for each row in ``workbench_rows``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.runtime.duck import identifier, literal
from workbench.sandbox import mask
from workbench.sandbox.hashing import all_filled
from workbench.sandbox.mask import Column, Key, Rules
from workbench.sandbox.production import PRIVATE
from workbench.sandbox.sample import CLUSTER, CORE, WEIGHT, Sampling, stage

ROWS = "workbench_rows"


@dataclass(slots=True)
class Writing:
    """One sandbox file in the making.

    ``main.<source>`` has the columns and types of production. ``workbench_rows.<source>`` has for the row of the same number
    (``row`` is the ``rowid`` there) whether it is core, its weight, and the number of its anchor (``cluster``).
    """

    sampling: Sampling
    rules: Rules
    key: Key
    tell: Callable[[str], None]
    copied: Collection[str] = ()
    base: Path | None = None

    def write(self, file: Path) -> None:
        con = self.sampling.production.con
        con.execute(f"ATTACH {literal(str(file))} AS sandbox")
        try:
            self._clusters()
            tokens = self._tokens()
            # In one transaction nothing is written twice, as it would be by a log that is folded in between.
            con.execute("BEGIN")
            try:
                con.execute(f"CREATE SCHEMA sandbox.{ROWS}")
                for step in self.sampling.steps:
                    if step.source not in self.copied:
                        self.tell(f"writing {step.source}")
                        self._table(step.source, tokens)
                con.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(Exception):
                    con.execute("ROLLBACK")
                raise
            if self.base is not None:
                self._copy(self.base)
            con.execute("CHECKPOINT sandbox")
        finally:
            con.execute("DETACH sandbox")

    def _copy(self, base: Path) -> None:
        """Tables that stay as they were, with their rows in the same order."""
        con = self.sampling.production.con
        con.execute(f"ATTACH {literal(str(base))} AS base (READ_ONLY)")
        try:
            for name in map(identifier, self.copied):
                self.tell(f"copying {name}")
                con.execute(f"CREATE TABLE sandbox.main.{name} AS SELECT * FROM base.main.{name} ORDER BY rowid")
                con.execute(f"CREATE TABLE sandbox.{ROWS}.{name} AS SELECT * FROM base.{ROWS}.{name} ORDER BY rowid")
        finally:
            con.execute("DETACH base")

    def _clusters(self) -> None:
        """Number the anchors by their keyed hash, so that a number says nothing about its anchor, nor depends on other rows."""
        parts = " UNION ALL ".join(
            f"SELECT {CLUSTER} AS c FROM stage.{identifier(step.source)} WHERE {CLUSTER} IS NOT NULL"
            for step in self.sampling.steps
        )
        number = f"1 + CAST('0x' || left({mask.hmac_sql('c', 'cluster')}, 15) AS BIGINT) AS number"
        self._run(
            f"CREATE TABLE stage.{PRIVATE}clusters AS SELECT c, {number} FROM (SELECT DISTINCT c FROM ({parts}))",
            {"cluster": "workbench|cluster"},
        )

    def _tokens(self) -> dict[Column, str]:
        """One table of tokens for each key domain: each value is masked once."""
        found: dict[Column, str] = {}
        types = self.sampling.production.columns
        for number, (domain, columns) in enumerate(sorted(self.rules.tokens().items())):
            self.tell(f"masking {domain}")
            kind = mask.token_type([types[source][column] for source, column in columns], columns)
            parts = " UNION ALL ".join(
                f"SELECT CAST({identifier(column)} AS {_wide(kind)}) AS v FROM stage.{identifier(source)} "
                f"WHERE {identifier(column)} IS NOT NULL"
                for source, column in columns
                if source in self.sampling.sources
            )
            if not parts:
                continue
            table = f"stage.{PRIVATE}tokens_{number}"
            slot = f"token{number}"
            self._run(
                f"CREATE TABLE {table} AS {mask.token_sql(f'SELECT DISTINCT v FROM ({parts})', kind, slot)}", {slot: domain}
            )
            found |= dict.fromkeys(columns, table)
        return found

    def _table(self, source: str, tokens: dict[Column, str]) -> None:
        types = self.sampling.production.columns[source]
        rules = self.rules.of(source)
        slots: dict[str, str] = {}
        values, joins = [], []
        for number, (column, kind) in enumerate(types.items()):
            rule, name = rules.get(column, "keep"), identifier(column)
            if rule == "token":
                key_type = "VARCHAR" if mask.is_text(kind) else kind if kind == "UUID" else "HUGEINT"
                joins.append(f"LEFT JOIN {tokens[source, column]} t{number} ON CAST(s.{name} AS {key_type}) = t{number}.v")
                values.append(f"CAST(t{number}.token AS {'VARCHAR' if mask.is_text(kind) else kind}) AS {name}")
            else:
                slot = f"column{number}"
                slots[slot] = "workbench|shift" if rule.startswith("shift_dates") else f"{source}.{column}"
                value = mask.value_sql(rule, column, kind, f"coalesce(s.{CLUSTER}, {self._entity(source)})", slot)
                values.append(f"{value} AS {name}")
        numbers = f"LEFT JOIN stage.{PRIVATE}clusters k ON s.{CLUSTER} = k.c"
        flags = f"s.{CORE} AS {CORE}, s.{WEIGHT} AS {WEIGHT}, k.number AS {CLUSTER}"
        order = ", ".join(map(identifier, self._order(source)))
        table = f"{PRIVATE}out"
        self._run(
            f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT {', '.join(values)}, {flags} "
            f"FROM stage.{identifier(source)} s {' '.join(joins)} {numbers} ORDER BY {order}",
            slots,
        )
        self._run(
            f"CREATE TABLE sandbox.main.{identifier(source)} AS SELECT * EXCLUDE ({CORE}, {WEIGHT}, {CLUSTER}) FROM {table}"
        )
        self._run(
            f"CREATE TABLE sandbox.{ROWS}.{identifier(source)} AS "
            f"SELECT row_number() OVER () - 1 AS row, {CORE} AS core, {WEIGHT} AS weight, {CLUSTER} AS cluster FROM {table}"
        )
        self._run(f"DROP TABLE {table}")

    def _entity(self, source: str) -> str:
        """What tells support rows apart, as they belong to no anchor: their key."""
        key = self.sampling.sources[source].key or list(self.sampling.production.columns[source])
        return " || chr(31) || ".join(f"coalesce(CAST(s.{identifier(column)} AS VARCHAR), '')" for column in key)

    def _order(self, source: str) -> Sequence[str]:
        """The key where it still tells all rows apart, else all columns: the order shows what is masked, never what was."""
        key, rules = self.sampling.sources[source].key, self.rules.of(source)
        telling = key and all(rules.get(column, "keep") in ("keep", "token") for column in key)
        if telling and not self.sampling.count(source, f"NOT ({all_filled(key, stage(source))})"):
            return key
        return [*key, *(column for column in self.sampling.production.columns[source] if column not in key), CORE, CLUSTER]

    def _run(self, statement: str, slots: dict[str, str] | None = None) -> None:
        con = self.sampling.production.con
        bound = mask.bind(statement, self.key, slots or {})
        con.execute(statement, bound) if bound else con.execute(statement)


def _wide(kind: str) -> str:
    return kind if kind in ("VARCHAR", "UUID") else "HUGEINT"
