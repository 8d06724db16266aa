"""Taking the sample: rows chosen by hash, what follows them, and all that they refer to. No reference loses its row."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from workbench.config import Source
from workbench.errors import ConfigError, GuardRefused, UsageError
from workbench.runtime.duck import identifier, literal
from workbench.sandbox.graph import Link, Role, Step, check_anchor
from workbench.sandbox.production import PRIVATE, Production

CORE, WEIGHT, CLUSTER = (f"{PRIVATE}{word}" for word in ("core", "weight", "cluster"))
_NO_TEXT = ("DOUBLE", "FLOAT", "STRUCT", "MAP", "UNION")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to take: a share of the anchors' keys, by the hash under a seed; ``where`` limits anchors, ``floor`` rows a stratum."""

    share: float
    seed: int
    sample: str
    where: str = ""
    strata: tuple[str, ...] = ()
    floor: int = 0
    max_rows: int = 5_000_000

    @property
    def plain(self) -> bool:
        """Whether the hash of a key alone decides about a row."""
        return not (self.where or self.floor)

    def chosen(self, hashed: str) -> str:
        """The condition under which a row with this md5 is chosen."""
        if self.share >= 1:
            return "true"
        return f"left({hashed}, 8) < '{min(math.ceil(self.share * 2**32), 2**32 - 1):08x}'"

    @property
    def weight(self) -> str:
        return repr(1 / self.share)


@dataclass(frozen=True, slots=True)
class Dangling:
    """How many rows of a source refer to nothing, by NULL or to a row that production does not have."""

    link: Link
    orphans: int
    nulls: int
    table: str


@dataclass(slots=True)
class Sampling:
    """A sample in the making: staged tables ``stage.<source>`` in memory, and counts."""

    production: Production
    sources: Mapping[str, Source]
    links: Sequence[Link]
    steps: Sequence[Step]
    recipe: Recipe
    tell: Callable[[str], None]
    dangling: dict[Link, Dangling] = field(default_factory=dict)

    def take(self) -> None:
        """Do all of it."""
        self.production.con.execute("CREATE SCHEMA stage")
        self._count_dangling()
        self._check_where()
        for step in self.steps:
            self._take_core(step)
        self._pull_parents()

    def role(self, source: str) -> Role:
        return next(step.role for step in self.steps if step.source == source)

    def _count_dangling(self) -> None:
        for number, link in enumerate(self.links):
            self.tell(f"following {link.child} to {link.parent}")
            table = f"stage.{PRIVATE}orphans_{number}"
            columns = ", ".join(f"c.{identifier(column)}" for column in link.columns)
            missing = f"SELECT {columns}, count(*) AS {PRIVATE}n FROM {self._from(link.child)} c ANTI JOIN {self._from(link.parent)} p ON {_match(link)} "
            self._run(f"CREATE TABLE {table} AS {missing} WHERE {_filled(link.columns, 'c.')} GROUP BY ALL")
            orphans = self._one(f"SELECT coalesce(sum({PRIVATE}n), 0) FROM {table}")
            nulls = self._one(f"SELECT count(*) FROM {self._from(link.child)} c WHERE NOT ({_filled(link.columns, 'c.')})")
            self.dangling[link] = Dangling(link, orphans, nulls, table)

    def _check_where(self) -> None:
        """``--where`` must be one condition that some anchor can answer."""
        if not self.recipe.where:
            return
        problems = [self._refusal(step.source) for step in self.steps if step.role is Role.ANCHOR]
        if problems and all(problems):
            raise UsageError(f"--where {self.recipe.where!r}: {problems[0]}", hint='for example --where "month >= 6"')

    def _refusal(self, source: str) -> str:
        import duckdb

        statement = f"SELECT 1 FROM {self._from(source)} s WHERE ({self.recipe.where}\n) LIMIT 0"
        try:
            if len(duckdb.extract_statements(statement)) != 1:
                return "it is more than one condition"
            self.production.con.execute(statement)
        except duckdb.Error as error:
            return str(error).splitlines()[0]
        return ""

    def _take_core(self, step: Step) -> None:
        self.tell(f"sampling {step.source}")
        match step.role:
            case Role.WHOLE:
                query = f"SELECT s.*, true AS {CORE}, 1.0::DOUBLE AS {WEIGHT}, md5({self._own(step.source)}) AS {CLUSTER} FROM {self._from(step.source)} s"
            case Role.PARENT:
                query = f"SELECT s.*, false AS {CORE}, 0.0::DOUBLE AS {WEIGHT}, NULL::VARCHAR AS {CLUSTER} FROM {self._from(step.source)} s LIMIT 0"
            case Role.ANCHOR:
                query = self._anchor(step.source)
            case Role.FOLLOW:
                assert step.via is not None
                query = self._follow(step.via)
        self._run(f"CREATE TABLE stage.{identifier(step.source)} AS {query}")
        self._check_cap()
        if not self.recipe.where:
            check_anchor(step, self.production.rows[step.source], self.count(step.source), self.recipe.sample)

    def _anchor(self, name: str) -> str:
        recipe = self.recipe
        where = f" WHERE ({recipe.where}\n)" if recipe.where and not self._refusal(name) else ""
        hashed = f"SELECT s.*, md5({self._own(name)}) AS {CLUSTER} FROM {self._from(name)} s{where}"
        if not recipe.floor:
            return f"SELECT * EXCLUDE ({CLUSTER}), true AS {CORE}, {recipe.weight}::DOUBLE AS {WEIGHT}, {CLUSTER} FROM ({hashed}) WHERE {recipe.chosen(CLUSTER)}"
        columns = [column for column in recipe.strata if column in self.production.columns[name]]
        part = "PARTITION BY " + ", ".join(identifier(column) for column in columns) if columns else ""
        ranked = (
            f"SELECT *, row_number() OVER ({part} ORDER BY {CLUSTER}) AS {PRIVATE}rank, count(*) OVER ({part}) AS {PRIVATE}all, "
            f"count(*) FILTER ({recipe.chosen(CLUSTER)}) OVER ({part}) AS {PRIVATE}hit FROM ({hashed})"
        )
        weight = f"{PRIVATE}all / greatest({PRIVATE}hit, least({recipe.floor}, {PRIVATE}all))::DOUBLE"
        return (
            f"SELECT * EXCLUDE ({CLUSTER}, {PRIVATE}rank, {PRIVATE}all, {PRIVATE}hit), true AS {CORE}, {weight} AS {WEIGHT}, {CLUSTER} "
            f"FROM ({ranked}) WHERE {recipe.chosen(CLUSTER)} OR {PRIVATE}rank <= {recipe.floor}"
        )

    def _follow(self, link: Link) -> str:
        """Rows of chosen parents, and of rows without a parent the same share."""
        recipe, key = self.recipe, self.sources[link.parent].key
        keyed = self.role(link.parent) is Role.ANCHOR and sorted(link.to) == sorted(key)
        text = self._reference(link, key if keyed else link.to, link.parent if keyed else f"{link.parent}({','.join(link.to)})")
        hashed = f"md5(CASE WHEN {_filled(link.columns, 's.')} THEN {text} ELSE {self._own(link.child)} END)"
        head = f"true AS {CORE}, {recipe.weight}::DOUBLE AS {WEIGHT}"
        if keyed and recipe.plain:
            inner = f"SELECT s.*, {hashed} AS {CLUSTER} FROM {self._from(link.child)} s"
            return f"SELECT * EXCLUDE ({CLUSTER}), {head}, {CLUSTER} FROM ({inner}) WHERE {recipe.chosen(CLUSTER)}"
        names = ", ".join(identifier(column) for column in link.to)
        parents = f"(SELECT DISTINCT ON ({names}) {names}, {WEIGHT}, {CLUSTER} FROM stage.{identifier(link.parent)} WHERE {CORE} ORDER BY {names}, {CLUSTER})"
        joined = f"SELECT s.*, true AS {CORE}, p.{WEIGHT}, p.{CLUSTER} FROM {self._from(link.child)} s JOIN {parents} p ON {_match(link, 's.')}"
        dangling = self.dangling[link]
        if not (dangling.orphans or dangling.nulls):
            return joined
        lost = f"EXISTS (FROM {dangling.table} o WHERE {' AND '.join(f'o.{identifier(c)} = s.{identifier(c)}' for c in link.columns)})"
        inner = f"SELECT s.*, {head}, {hashed} AS {CLUSTER} FROM {self._from(link.child)} s WHERE NOT ({_filled(link.columns, 's.')}) OR {lost}"
        return f"{joined} UNION ALL SELECT * FROM ({inner}) WHERE {recipe.chosen(CLUSTER)}"

    def _pull_parents(self) -> None:
        """Add what staged rows refer to and is not there, until nothing is missing; cycles and self-references end too."""
        order = self._upwards()
        while any([self._pull(name) for name in order]):
            self._check_cap()
        self._check_cap()

    def _pull(self, name: str) -> bool:
        """Add missing rows of one source in one scan; whether any were added."""
        stage = f"stage.{identifier(name)}"
        wanted: dict[tuple[str, ...], list[str]] = {}
        for link in self.links:
            if link.parent == name and self.role(name) is not Role.WHOLE:
                columns = ", ".join(f"c.{identifier(mine)} AS {identifier(theirs)}" for mine, theirs in zip(link.columns, link.to, strict=True))
                orphan = " AND ".join(f"o.{identifier(column)} = c.{identifier(column)}" for column in link.columns)
                wanted.setdefault(link.to, []).append(
                    f"SELECT DISTINCT {columns} FROM stage.{identifier(link.child)} c WHERE {_filled(link.columns, 'c.')} "
                    f"AND NOT EXISTS (FROM {stage} p WHERE {_match(link)}) AND NOT EXISTS (FROM {self.dangling[link].table} o WHERE {orphan})"
                )
        conditions = []
        for number, (to, queries) in enumerate(wanted.items()):
            table = f"stage.{PRIVATE}wanted_{number}"
            self._run(f"CREATE OR REPLACE TABLE {table} AS {' UNION '.join(queries)}")
            if self._one(f"SELECT count(*) FROM {table}"):
                conditions.append((table, " AND ".join(f"w.{identifier(column)} = s.{identifier(column)}" for column in to)))
        if not conditions:
            return False
        self.tell(f"completing {name}")
        if len(conditions) == 1:
            rows = f"{self._from(name)} s SEMI JOIN {conditions[0][0]} w ON {conditions[0][1]}"
        else:
            rows = f"{self._from(name)} s WHERE " + " OR ".join(f"EXISTS (FROM {table} w WHERE {on})" for table, on in conditions)
        before = self.count(name)
        self._run(f"INSERT INTO {stage} SELECT s.*, false, 0.0, NULL FROM {rows}")
        return self.count(name) > before

    def _upwards(self) -> list[str]:
        """Sources in an order in which those that refer come before those referred to, as far as cycles allow."""
        ordered: list[str] = []

        def visit(name: str, path: frozenset[str]) -> None:
            if name in ordered or name in path:
                return
            for link in self.links:
                if link.parent == name:
                    visit(link.child, path | {name})
            ordered.append(name)

        for name in self.sources:
            visit(name, frozenset())
        return ordered

    def count(self, source: str, condition: str = "true") -> int:
        return self._one(f"SELECT count(*) FROM stage.{identifier(source)} WHERE {condition}")

    def orphans(self, link: Link) -> int:
        """Rows of the sample that refer to a row that the sample does not have."""
        child, parent = f"stage.{identifier(link.child)}", f"stage.{identifier(link.parent)}"
        return self._one(f"SELECT count(*) FROM {child} c ANTI JOIN {parent} p ON {_match(link)} WHERE {_filled(link.columns, 'c.')}")

    def production_orphans(self, link: Link) -> int:
        """Those of them that production does not have either."""
        same = " AND ".join(f"o.{identifier(column)} = c.{identifier(column)}" for column in link.columns)
        return self._one(f"SELECT count(*) FROM stage.{identifier(link.child)} c SEMI JOIN {self.dangling[link].table} o ON {same}")

    def _check_cap(self) -> None:
        done = sum(self.count(step.source) for step in self.steps if self._staged(step.source))
        if done > self.recipe.max_rows:
            raise GuardRefused(
                f"the sandbox would have more than {self.recipe.max_rows:,} rows ({done:,} so far)",
                hint=f"workbench sandbox create --sample {self.recipe.share * 50:g}%   (or --max-rows {done * 2})",
            )

    def _staged(self, source: str) -> bool:
        return bool(self._one(f"SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'stage' AND table_name = {literal(source)}"))

    def _own(self, name: str) -> str:
        """The text by which a row is hashed: seed, source and key; without a key, all columns that have an exact text."""
        types, key = self.production.columns[name], self.sources[name].key
        inexact = [column for column in key if types[column].startswith(_NO_TEXT)]
        if inexact:
            raise ConfigError(
                f"tool.workbench.sources.{name}.key: {inexact[0]} is {types[inexact[0]]}, which has no exact text to hash",
                hint="use a column of integers, text, dates or decimals as key",
            )
        columns = key or [column for column, kind in types.items() if not kind.startswith(_NO_TEXT) and not kind.endswith("[]")]
        if not columns:
            raise ConfigError(f"tool.workbench.sources.{name}: rows can't be told apart", hint=f"add key = [...] to [tool.workbench.sources.{name}]")
        parts = [f"coalesce(CAST(s.{identifier(column)} AS VARCHAR), chr(30))" for column in columns]
        return self._salted(name, parts)

    def _reference(self, link: Link, order: Sequence[str], domain: str) -> str:
        types = self.production.columns
        parts = []
        for theirs in order:
            mine = link.columns[link.to.index(theirs)]
            value, wanted = f"s.{identifier(mine)}", types[link.parent][theirs]
            if types[link.child][mine] != wanted:
                value = f"coalesce(CAST(TRY_CAST({value} AS {wanted}) AS VARCHAR), CAST({value} AS VARCHAR))"
            parts.append(f"coalesce(CAST({value} AS VARCHAR), chr(30))")
        return self._salted(domain, parts)

    def _salted(self, domain: str, parts: Sequence[str]) -> str:
        return " || chr(31) || ".join([literal(f"{self.recipe.seed}|{domain}|"), *parts])

    def _from(self, name: str) -> str:
        return self.production.relations[name]

    def _run(self, statement: str) -> None:
        self.production.con.execute(statement)

    def _one(self, query: str) -> int:
        return int(self.production.con.execute(query).fetchone()[0])


def _filled(columns: Sequence[str], prefix: str) -> str:
    return " AND ".join(f"{prefix}{identifier(column)} IS NOT NULL" for column in columns)


def _match(link: Link, child: str = "c.") -> str:
    return " AND ".join(f"{child}{identifier(mine)} = p.{identifier(theirs)}" for mine, theirs in zip(link.columns, link.to, strict=True))
