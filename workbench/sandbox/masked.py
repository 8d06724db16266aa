"""Writing the sample: masked, sorted, one table a source, with a flag for each row in ``workbench_rows``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from workbench.runtime.duck import identifier, literal
from workbench.sandbox import mask, tokens
from workbench.sandbox.hashing import all_filled
from workbench.sandbox.mask import Column, Key, Rules
from workbench.sandbox.production import PRIVATE
from workbench.sandbox.sample import CLUSTER, CORE, WEIGHT, Sampling, stage

ROWS = "workbench_rows"
REPEATING = 0.7  # distinct values a row up to which a table of tokens is worth its joins


@dataclass(frozen=True, slots=True)
class _Tokens:
    """How the values of one key domain get tokens: cast to ``wide``, and joined with a ``table`` or as an expression."""

    domain: str
    kind: str
    wide: str
    slot: str
    table: str = ""


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
            tokened = self._tokens()
            # In one transaction nothing is written twice, as it would be by a log that is folded in between.
            con.execute("BEGIN")
            try:
                con.execute(f"CREATE SCHEMA sandbox.{ROWS}")
                for step in self.sampling.steps:
                    if step.source not in self.copied:
                        self.tell(f"writing {step.source}")
                        self._table(step.source, tokened)
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

    def _tokens(self) -> dict[Column, _Tokens]:
        """How each column's values get their tokens: each value of a key domain once, from a table of tokens.

        Text of one column that hardly repeats gets them where it stands.
        """
        found: dict[Column, _Tokens] = {}
        types = self.sampling.production.columns
        for number, (domain, columns) in enumerate(sorted(self.rules.tokens().items())):
            self.tell(f"masking {domain}")
            # A CSV file without rows does not know its types.
            filled = [each for each in columns if self.sampling.production.rows[each[0]]] or columns
            kind = tokens.token_type([types[source][column] for source, column in filled], filled)
            here = [(source, column) for source, column in columns if source in self.sampling.sources]
            if not here:
                continue
            wide = tokens.wide_type(kind, [types[source][column] for source, column in here if (source, column) in filled])
            parts = " UNION ALL ".join(
                f"SELECT CAST({identifier(column)} AS {wide}) AS v FROM {stage(source)} WHERE {identifier(column)} IS NOT NULL"
                for source, column in here
            )
            largest = "coalesce(max(CASE WHEN v < 0 THEN -1 - v ELSE v END), 0)" if tokens.is_integer(kind) else "0"
            rows, distinct, most = self._row(f"SELECT count(*), approx_count_distinct(v), {largest} FROM ({parts})")
            made = _Tokens(domain, kind, wide, f"token{number}")
            if tokens.is_integer(kind) or len(here) > 1 or distinct < REPEATING * rows:
                made = replace(made, table=f"stage.{PRIVATE}tokens_{number}")
                self._fill(made, f"SELECT DISTINCT v FROM ({parts})", distinct, most)
            found |= dict.fromkeys(here, made)
        return found

    def _fill(self, made: _Tokens, values: str, distinct: int, most: int) -> None:
        lists = ""
        if tokens.is_integer(made.kind) and distinct > tokens.MANY:
            lists = f"stage.{PRIVATE}lists"
            listed = tokens.lists_sql(made.kind, made.slot, most=most)
            self._run(f"CREATE OR REPLACE TABLE {lists} AS {listed}", {made.slot: made.domain})
        query = tokens.token_sql(values, made.kind, made.slot, most=most, lists=lists)
        self._run(f"CREATE TABLE {made.table} AS {query}", {made.slot: made.domain})

    def _table(self, source: str, tokened: Mapping[Column, _Tokens]) -> None:
        types = self.sampling.production.columns[source]
        rules = self.rules.of(source)
        slots: dict[str, str] = {}
        values, joins = [], []
        for number, (column, kind) in enumerate(types.items()):
            rule, name = rules.get(column, "keep"), identifier(column)
            if rule == "token":
                made, own = tokened[source, column], f"t{number}.token"
                value = f"CAST(s.{name} AS {made.wide})"
                if made.table:
                    joins.append(f"LEFT JOIN {made.table} t{number} ON {value} = t{number}.v")
                else:
                    slots[made.slot] = made.domain
                    own = tokens.text_token(value, made.kind, made.slot)
                values.append(f"CAST({own} AS {'VARCHAR' if mask.is_text(kind) else kind}) AS {name}")
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

    def _row(self, query: str) -> tuple[int, ...]:
        found: tuple[int, ...] = self.sampling.production.con.execute(query).fetchone()
        return found

    def _run(self, statement: str, slots: dict[str, str] | None = None) -> None:
        mask.run(self.sampling.production.con, statement, self.key, slots or {})
