"""Columns and joins of a sandbox beside those of production."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.runtime.duck import identifier, literal
from workbench.sandbox import mask
from workbench.sandbox.graph import Link, Role
from workbench.sandbox.hashing import all_filled, refers
from workbench.sandbox.production import Production
from workbench.sandbox.registry import SandboxInfo
from workbench.sandbox.sample import CLUSTER, CORE, WEIGHT

EDGES = 64  # quantiles of the sample at which the two distributions are compared
CATEGORIES = 40  # values of a text column that are told apart; the rest counts as one
ROUNDING = 1e-9  # shares are added up in another order there and here
EXACT = 5_000_000  # up to so many rows distinct values are counted, beyond they are estimated
MANY = 1_000  # with more values than this a text column names things and has no distribution worth comparing
_FLAGS = f"{CLUSTER} AS cluster, {WEIGHT} AS weight"


@dataclass(frozen=True, slots=True)
class ColumnParity:
    """One column in production and in the sandbox.

    ``distance`` is Kolmogorov and Smirnov's for numbers and times, total variation for text, each 0..1; None where values are
    masked beyond comparison. ``noise`` is what a fair sample of this size, clustered as it is, stays below in 95 of 100 cases.
    ``bins`` are the shares of both sides, for plots.
    """

    source: str
    column: str
    measure: str
    distance: float | None
    noise: float | None
    nulls: tuple[float, float]
    distinct: tuple[int, int]
    counts: bool
    bins: tuple[tuple[str, float, float], ...] = ()

    @property
    def excess(self) -> float:
        """How much of the distance sampling noise does not explain; 0 for tables that do not claim to represent theirs."""
        if self.distance is None or self.noise is None or not self.counts:
            return 0.0
        excess = self.distance - self.noise
        return excess if excess > ROUNDING else 0.0


@dataclass(frozen=True, slots=True)
class FanOut:
    """Rows for each row that they refer to, in production and in the sandbox; ``complete`` when children followed."""

    child: str
    columns: tuple[str, ...]
    parent: str
    production: float
    sandbox: float
    complete: bool


@dataclass(slots=True)
class Comparison:
    production: Production
    info: SandboxInfo
    links: tuple[Link, ...] = ()
    relations: dict[str, str] = field(default_factory=dict)

    def restrict(self, all_links: tuple[Link, ...]) -> None:
        """Compare with what the sandbox was drawn from: under ``--where`` only anchors that meet it, and their children."""
        self.links = all_links
        self.relations = dict(self.production.relations)
        for name, table in self.info.tables.items():
            if self.info.where and table.role == Role.ANCHOR and self._has_where(name):
                self.relations[name] = f"(SELECT * FROM {self.production.relations[name]} s WHERE ({self.info.where}\n))"
        pending = {
            name: link
            for name, table in self.info.tables.items()
            for link in all_links
            if link.child == name and str(link) == table.via
        }
        while self.info.where and pending:
            name = next((each for each, link in pending.items() if link.parent not in pending), next(iter(pending)))
            link = pending.pop(name)
            child = self.production.relations[name]
            self.relations[name] = f"(SELECT c.* FROM {child} c SEMI JOIN {self.relations[link.parent]} p ON {refers(link)})"

    def _has_where(self, name: str) -> bool:
        import duckdb

        try:
            self.run(f"SELECT 1 FROM {self.production.relations[name]} s WHERE ({self.info.where}\n) LIMIT 0")
        except duckdb.Error:
            return False
        return True

    def notes(self) -> tuple[str, ...]:
        changed = [name for name, digest in self.info.snapshot.items() if self.production.digests.get(name) != digest]
        support = [name for name, table in self.info.tables.items() if table.role == Role.PARENT and table.rows]
        found = []
        if changed:
            found.append(f"production has changed since this sandbox was made: {', '.join(changed)}")
        if support:
            found.append(f"{', '.join(support)}: only rows that others refer to; they join, but sums over them mean little")
        return tuple(found)

    def columns(self, name: str) -> list[ColumnParity]:
        table = self.info.tables[name]
        types = self.types(name)
        rules = table.masked
        shown = {column: kind for column, kind in types.items() if rules.get(column) not in ("token", "redact")}
        edges = {column: self._edges(name, column) for column, kind in shown.items() if _ordered(kind)}
        rows, facts = self._facts(name, types, edges, rules)
        found = []
        for column in types:
            filled, distinct, below = facts[column]
            mine = self.one(
                f"SELECT count(*), count({identifier(column)}), count(DISTINCT {identifier(column)}) FROM {self._box(name)} s"
            )
            nulls = (1 - filled / rows if rows else 0.0, 1 - mine[1] / mine[0] if mine[0] else 0.0)
            bins: tuple[tuple[str, float, float], ...] = ()
            distance = noise = None
            measure = rules.get(column, "")
            if column in edges and edges[column] and filled:
                measure = "KS"
                distance, noise, bins = self._ordered(name, column, edges[column], [count / filled for count in below])
            elif column in shown and _categorical(types[column]) and filled and mine[1]:
                measure = "many values"
                if distinct <= MANY:
                    measure = "TV"
                    distance, noise, bins = self._categories(name, column, rules.get(column, "keep"))
            counts = table.role in (Role.ANCHOR, Role.FOLLOW) and not rules.get(column, "").startswith("shift_dates")
            noise = None if noise is None else min(1.0, noise)  # as no distance is larger
            found.append(ColumnParity(name, column, measure, distance, noise, nulls, (distinct, mine[2]), counts, bins))
        return found

    def _facts(
        self, name: str, types: Mapping[str, str], edges: Mapping[str, list[str]], rules: Mapping[str, str]
    ) -> tuple[int, dict[str, tuple[int, int, list[int]]]]:
        """Of production in one scan: rows, and for each column values, distinct values, and values up to each edge."""
        parts = ["count(*)"]
        for column, kind in types.items():
            value = self._value(column, rules.get(column, "keep"), kind)
            distinct = "count(DISTINCT {0})" if self.production.rows[name] <= EXACT else "approx_count_distinct({0})"
            parts += [f"count({value})", distinct.format(value)]
            listed = ", ".join(literal(edge) for edge in edges.get(column, []))
            parts.append(f"map_values(histogram({value}, [{listed}]::{kind}[]))" if listed else "NULL")
        row = self.one(f"SELECT {', '.join(parts)} FROM {self.relations[name]} s")
        facts: dict[str, tuple[int, int, list[int]]] = {}
        for number, column in enumerate(types):
            filled, distinct, values = row[1 + 3 * number : 4 + 3 * number]
            counts = (values or [])[: len(edges.get(column, []))]
            facts[column] = (filled, distinct, [sum(counts[: index + 1]) for index in range(len(counts))])
        return row[0], facts

    def _edges(self, name: str, column: str) -> list[str]:
        steps = ", ".join(repr(number / EDGES) for number in range(1, EDGES + 1))
        quantiles = f"SELECT unnest(quantile_disc({identifier(column)}, [{steps}])) AS e FROM {self.sample(name)} s"
        return [
            row[0]
            for row in self.run(
                f"SELECT CAST(e AS VARCHAR) FROM (SELECT DISTINCT e FROM ({quantiles}) WHERE e IS NOT NULL) ORDER BY e"
            )
        ]

    def _ordered(
        self, name: str, column: str, edges: list[str], cumulated: list[float]
    ) -> tuple[float, float, tuple[tuple[str, float, float], ...]]:
        kind = self.types(name)[column]
        listed = f"[{', '.join(literal(edge) for edge in edges)}]::{kind}[]"
        value = identifier(column)
        place = f"CAST(len(list_filter({listed}, lambda e: e < s.{value})) AS VARCHAR)"
        query = f"SELECT {place} AS bin, {_FLAGS} FROM {self.sample(name)} s WHERE s.{value} IS NOT NULL"
        shares, effective = self._clustered(query)
        mine, total = [], 0.0
        for number in range(len(edges)):
            total += shares.get(str(number), 0.0)
            mine.append(total)
        distance = max((abs(one - other) for one, other in zip(mine, cumulated, strict=True)), default=0.0)
        bins = tuple((edge, cumulated[index], mine[index]) for index, edge in enumerate(edges))
        return distance, 1.36 * self._left(name) / math.sqrt(effective), bins

    def _categories(self, name: str, column: str, rule: str) -> tuple[float, float, tuple[tuple[str, float, float], ...]]:
        value = self._value(column, rule, self.types(name)[column])
        query = f"SELECT CAST({value} AS VARCHAR) AS v, count(*) AS n FROM {self.relations[name]} s WHERE {value} IS NOT NULL"
        counted = self.run(f"{query} GROUP BY 1 ORDER BY n DESC, v")
        total = sum(count for _, count in counted)
        shares = {label: count / total for label, count in counted[:CATEGORIES]}
        rest = 1 - sum(shares.values())
        listed = f"[{', '.join(literal(label) for label in shares)}]"
        own = f"CAST(s.{identifier(column)} AS VARCHAR)"
        shown = f"CASE WHEN list_contains({listed}, {own}) THEN {own} END"
        mine, effective = self._clustered(
            f"SELECT {shown} AS bin, {_FLAGS} FROM {self.sample(name)} s WHERE s.{identifier(column)} IS NOT NULL"
        )
        pairs = [(label, share, mine.get(label, 0.0)) for label, share in shares.items()]
        if len(counted) > CATEGORIES or None in mine:
            pairs.append(("(other)", max(0.0, rest), mine.get(None, 0.0)))
        distance = sum(abs(one - other) for _, one, other in pairs) / 2
        expected = sum(math.sqrt(2 * share * (1 - share) / (math.pi * effective)) for _, share, _ in pairs if 0 < share < 1) / 2
        spread = math.sqrt(math.log(20) / (2 * effective)) if len(pairs) > 1 else 0.0
        return distance, self._left(name) * (expected + spread), tuple(pairs)

    def _clustered(self, query: str) -> tuple[dict[str | None, float], float]:
        """Weighted shares of each bin, and how many independent rows the sample is worth, its clusters being what they are."""
        self.run(
            "CREATE OR REPLACE TEMP TABLE binned AS "
            "SELECT bin, coalesce(cluster, -1) AS cluster, count(*) AS n, sum(weight ORDER BY weight) AS w "
            f"FROM ({query}) GROUP BY ALL"
        )
        # Summed in an order of their own, so that the last digit does not depend on that of the rows.
        rows = self.run("SELECT bin, sum(n), sum(w ORDER BY w) FROM binned GROUP BY bin ORDER BY bin")
        size = sum(count for _, count, _ in rows)
        weight = sum(each for _, _, each in rows) or 1.0
        plain = {label: count / size for label, count, _ in rows}
        squares = sum(share**2 for share in plain.values())
        if squares >= 1 - 1e-12:
            return {label: each / weight for label, _, each in rows}, max(1.0, size)
        # The variance of the shares over clusters, against that of independent rows.
        products = self.run(
            "SELECT b.bin, sum(b.n * b.n), sum(b.n * c.m) FROM binned b "
            "JOIN (SELECT cluster, sum(n) AS m FROM binned GROUP BY 1) c USING (cluster) GROUP BY b.bin ORDER BY b.bin"
        )
        pairs = sum(own for _, own, _ in products)
        crossed = sum(float(other) * plain[label] for label, _, other in products)
        sizes = self.one("SELECT sum(m * m) FROM (SELECT sum(n) AS m FROM binned GROUP BY cluster)")[0]
        effect = (float(pairs) - 2 * crossed + float(sizes) * squares) / (size * (1 - squares))
        return {label: each / weight for label, _, each in rows}, max(1.0, size / max(1.0, effect))

    def fan_outs(self) -> list[FanOut]:
        found = []
        for link in self.links:
            columns = ", ".join(identifier(column) for column in link.columns)
            query = "SELECT count(*), count(DISTINCT ({0})) FROM (SELECT {0} FROM {1} c SEMI JOIN {2} p ON {3} WHERE {4})"
            match, filled = refers(link), all_filled(link.columns, "c")
            counted = [
                self.one(query.format(columns, child, parent, match, filled))
                for child, parent in (
                    (self.relations[link.child], self.relations[link.parent]),
                    (f"box.{identifier(link.child)}", f"box.{identifier(link.parent)}"),
                )
            ]
            rates = [rows / keys if keys else 0.0 for rows, keys in counted]
            table = self.info.tables[link.child]
            complete = table.via == str(link) or table.rows == table.production
            found.append(FanOut(link.child, link.columns, link.parent, rates[0], rates[1], complete))
        return found

    def types(self, name: str) -> dict[str, str]:
        return {row[0]: row[1] for row in self.run(f"DESCRIBE box.{identifier(name)}")}

    def _box(self, name: str) -> str:
        flags = f"box.workbench_rows.{identifier(name)}"
        # Under names of their own: a source may well have a column called weight.
        own = f"r.core AS {CORE}, r.weight AS {WEIGHT}, r.cluster AS {CLUSTER}"
        return f"(SELECT d.*, {own} FROM box.{identifier(name)} d JOIN {flags} r ON r.row = d.rowid)"

    def sample(self, name: str) -> str:
        """The rows that stand for others; of tables without any, all rows."""
        if self.info.tables[name].core:
            return f"(SELECT * FROM {self._box(name)} WHERE {CORE})"
        return f"(SELECT * REPLACE (1.0::DOUBLE AS {WEIGHT}) FROM {self._box(name)})"

    def _value(self, column: str, rule: str, kind: str) -> str:
        """A column of production as the sandbox shows it, where its rule allows that without the key."""
        return mask.value_sql(rule, column, kind, "''", "") if rule.startswith("generalise") else f"s.{identifier(column)}"

    def _left(self, name: str) -> float:
        """How much of the noise is left when a good part of all rows was chosen; none in a table that is whole."""
        return 0.0 if self.info.tables[name].role == Role.WHOLE else math.sqrt(1 - self.info.share)

    def run(self, query: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self.production.con.execute(query).fetchall()
        return found

    def one(self, query: str) -> tuple[Any, ...]:
        return self.run(query)[0]


def _ordered(kind: str) -> bool:
    return mask.is_number(kind) or mask.is_time(kind)


def _categorical(kind: str) -> bool:
    return mask.is_text(kind) or kind == "BOOLEAN"
