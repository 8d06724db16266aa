"""Taking the sample: rows chosen by hash, what follows them, and all that they refer to. No reference loses its row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from workbench.config import Source
from workbench.errors import GuardRefused, WorkbenchError
from workbench.runtime.duck import identifier
from workbench.sandbox.anchors import check_anchor, refusal
from workbench.sandbox.graph import Link, Role, Step
from workbench.sandbox.hashing import Recipe, all_filled, refers, same
from workbench.sandbox.production import PRIVATE, Production
from workbench.sandbox.remote import find_orphans
from workbench.sandbox.survey import complete

CORE, WEIGHT, CLUSTER = (f"{PRIVATE}{word}" for word in ("core", "weight", "cluster"))


@dataclass(frozen=True, slots=True)
class Dangling:
    """How many rows of a source refer to nothing, by NULL or to a row that production does not have (listed in ``table``)."""

    orphans: int
    nulls: int
    table: str


@dataclass(slots=True)
class Sampling:
    """A sample in the making: staged tables ``stage.<source>`` in memory, with three columns of flags.

    ``left`` says how many rows of an anchor ``--where`` leaves.
    """

    production: Production
    sources: Mapping[str, Source]
    links: Sequence[Link]
    steps: Sequence[Step]
    recipe: Recipe
    tell: Callable[[str], None]
    left: Mapping[str, int] = field(default_factory=dict)
    dangling: dict[Link, Dangling] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)

    def take(self) -> None:
        """Do all of it."""
        self._run("CREATE SCHEMA stage")
        self._count_dangling()
        for step in self.steps:
            self._take_core(step)
        self._pull_parents()

    def role(self, source: str) -> Role:
        return next(step.role for step in self.steps if step.source == source)

    def count(self, source: str, condition: str = "true") -> int:
        """Staged rows of a source."""
        return self._one(f"SELECT count(*) FROM {stage(source)} WHERE {condition}")

    def orphans(self, link: Link) -> int:
        """Rows of the sample that refer to a row that the sample does not have."""
        filled = all_filled(link.columns, "c")
        return self._one(
            f"SELECT count(*) FROM {stage(link.child)} c ANTI JOIN {stage(link.parent)} p ON {refers(link)} WHERE {filled}"
        )

    def production_orphans(self, link: Link) -> int:
        """Those of them that production does not have either."""
        lost = same("o", link.columns, "c", link.columns)
        return self._one(f"SELECT count(*) FROM {stage(link.child)} c SEMI JOIN {self.dangling[link].table} o ON {lost}")

    def _count_dangling(self) -> None:
        for number, link in enumerate(self.links):
            self.tell(f"following {link.child} to {link.parent}")
            child, parent = (self._from(name) for name in (link.child, link.parent))
            table = f"stage.{PRIVATE}orphans_{number}"
            columns, filled = ", ".join(f"c.{identifier(column)}" for column in link.columns), all_filled(link.columns, "c")
            if self.production.remotes.keys() & {link.child, link.parent}:
                found = self.production.proofs.complete(link, partial(self._ask, link, table))
            else:
                found = complete(self.production, link)
            if link in self.dangling:
                continue
            lost = f"SELECT {columns}, count(*) AS {PRIVATE}n FROM {child} c"
            if found is None:
                self._run(f"CREATE TABLE {table} AS {lost} ANTI JOIN {parent} p ON {refers(link)} WHERE {filled} GROUP BY ALL")
                orphans = self._one(f"SELECT coalesce(sum({PRIVATE}n), 0) FROM {table}")
                nulls = self._one(f"SELECT count(*) FROM {child} c WHERE NOT ({filled})")
            else:
                self._run(f"CREATE TABLE {table} AS {lost} GROUP BY ALL LIMIT 0")
                orphans, nulls = 0, self.production.rows[link.child] - found
            self.dangling[link] = Dangling(orphans, nulls, table)
        self.production.surveyed.clear()

    def _ask(self, link: Link, table: str) -> int | None:
        """Count on a server which references lead nowhere; how many lead somewhere, where all do."""
        production = self.production
        nulls = find_orphans(production.remotes, production.relations, production.con, link, table, f"{PRIVATE}n")
        orphans = self._one(f"SELECT coalesce(sum({PRIVATE}n), 0) FROM {table}")
        self.dangling[link] = Dangling(orphans, nulls, table)
        return None if orphans else production.rows[link.child] - nulls

    def _take_core(self, step: Step) -> None:
        self.tell(f"sampling {step.source}")
        self._fetch(step)
        name = step.source
        match step.role:
            case Role.WHOLE:
                flags = f"true AS {CORE}, 1.0::DOUBLE AS {WEIGHT}, md5({self._own(name)}) AS {CLUSTER}"
                query = f"SELECT s.*, {flags} FROM {self._from(name)} s"
            case Role.PARENT:
                flags = f"false AS {CORE}, 0.0::DOUBLE AS {WEIGHT}, NULL::VARCHAR AS {CLUSTER}"
                query = f"SELECT s.*, {flags} FROM {self._from(name)} s LIMIT 0"
            case Role.ANCHOR:
                query = self._anchor(name)
            case Role.FOLLOW:
                assert step.via is not None
                query = self._follow(step.via)
        self._run(f"CREATE TABLE {stage(name)} AS {query}")
        self._check_cap(name)
        if not self.recipe.where:
            check_anchor(step, self.production.rows[name], self.taken[name], self.recipe)
        elif name in self.left:
            check_anchor(step, self.left[name], self.taken[name], self.recipe)

    def _fetch(self, step: Step) -> None:
        """Of a source on a server: fetch all that this step may choose."""
        remote = self.production.remotes.get(step.source)
        if remote is None or step.role is Role.PARENT:
            return
        if step.role is Role.WHOLE or (step.role is Role.ANCHOR and self.recipe.floor):
            remote.fetch_all()
        elif step.via is None:
            remote.fetch_hashed(self._own(step.source), self.recipe)
        else:
            keys = ", ".join(map(identifier, step.via.to))
            remote.fetch_matching(step.via.columns, f"SELECT {keys} FROM {stage(step.via.parent)} WHERE {CORE}")
            if self.dangling[step.via].orphans or self.dangling[step.via].nulls:
                remote.fetch_hashed(self._text(step.via), self.recipe)

    def _text(self, link: Link) -> str:
        """The text by which a row that follows a reference is hashed: the reference, or where that is NULL its own."""
        columns = self.production.columns
        text = self.recipe.reference(link, self.sources[link.parent].key, columns[link.child], columns[link.parent])
        return f"CASE WHEN {all_filled(link.columns, 's')} THEN {text} ELSE {self._own(link.child)} END"

    def _anchor(self, name: str) -> str:
        recipe = self.recipe
        where = f" WHERE ({recipe.where}\n)" if recipe.where and not refusal(self.production, name, recipe.where) else ""
        hashed = f"SELECT s.*, md5({self._own(name)}) AS {CLUSTER} FROM {self._from(name)} s{where}"
        if not recipe.floor:
            return self._chosen(hashed)
        columns = [column for column in recipe.strata if column in self.production.columns[name]]
        part = "PARTITION BY " + ", ".join(map(identifier, columns)) if columns else ""
        rank, total, hit = (f"{PRIVATE}{word}" for word in ("rank", "all", "hit"))
        ranked = (
            f"SELECT *, row_number() OVER ({part} ORDER BY {CLUSTER}) AS {rank}, count(*) OVER ({part}) AS {total}, "
            f"count(*) FILTER ({recipe.chosen(CLUSTER)}) OVER ({part}) AS {hit} FROM ({hashed})"
        )
        weight = f"{total} / greatest({hit}, least({recipe.floor}, {total}))::DOUBLE"
        return (
            f"SELECT * EXCLUDE ({CLUSTER}, {rank}, {total}, {hit}), true AS {CORE}, {weight} AS {WEIGHT}, {CLUSTER} "
            f"FROM ({ranked}) WHERE {recipe.chosen(CLUSTER)} OR {rank} <= {recipe.floor}"
        )

    def _chosen(self, hashed: str) -> str:
        """The rows of a query, which ends with their md5, that the hash alone chooses."""
        flags = f"true AS {CORE}, {self.recipe.weight} AS {WEIGHT}, {CLUSTER}"
        return f"SELECT * EXCLUDE ({CLUSTER}), {flags} FROM ({hashed}) WHERE {self.recipe.chosen(CLUSTER)}"

    def _follow(self, link: Link) -> str:
        """Rows of chosen parents; and of rows without a parent the same share."""
        key = self.sources[link.parent].key
        child, filled = f"{self._from(link.child)} s", all_filled(link.columns, "s")
        hashed = f"SELECT s.*, md5({self._text(link)}) AS {CLUSTER} FROM {child}"
        dangling = self.dangling[link]
        alone = dangling.orphans or dangling.nulls
        if alone and self.recipe.plain and self.role(link.parent) is Role.ANCHOR and sorted(link.to) == sorted(key):
            return self._chosen(hashed)  # one scan for both; without such rows a join is quicker than a hash for each
        names = ", ".join(map(identifier, link.to))
        chosen = f"SELECT {names}, {WEIGHT}, {CLUSTER} FROM {stage(link.parent)} WHERE {CORE}"
        once = f"SELECT DISTINCT ON ({names}) * FROM ({chosen}) ORDER BY {names}, {CLUSTER}"
        joined = f"SELECT s.*, true AS {CORE}, p.{WEIGHT}, p.{CLUSTER} FROM {child} JOIN ({once}) p ON {refers(link, 's')}"
        if not alone:
            return joined
        lost = f"EXISTS (FROM {dangling.table} o WHERE {same('o', link.columns, 's', link.columns)})"
        return f"{joined} UNION ALL {self._chosen(f'{hashed} WHERE NOT ({filled}) OR {lost}')}"

    def _pull_parents(self) -> None:
        """Add what staged rows refer to and is not there, until nothing is missing; cycles and self-references end too."""
        order = self._upwards()
        # Where each source comes before all that it refers to, rows that are added ask only for what is still to come.
        once = all(order.index(link.child) < order.index(link.parent) for link in self.links)
        missing = True
        while missing:
            missing = False
            for name in order:
                missing = self._pull(name) or missing
            missing = missing and not once

    def _pull(self, name: str) -> bool:
        """Add the missing rows of one source in one scan; whether there were any."""
        if self.role(name) is Role.WHOLE:
            return False
        conditions = []
        for number, to in enumerate(dict.fromkeys(link.to for link in self.links if link.parent == name)):
            table = f"stage.{PRIVATE}wanted_{number}"
            wanted = " UNION ".join(self._wanted(link) for link in self.links if link.parent == name and link.to == to)
            self._run(f"CREATE OR REPLACE TABLE {table} AS {wanted}")
            if self._one(f"SELECT count(*) FROM {table}"):
                conditions.append((table, same("w", to, "s", to), to))
        if not conditions:
            return False
        self.tell(f"completing {name}")
        remote = self.production.remotes.get(name)
        if remote is not None:
            for table, _, to in conditions:
                remote.fetch_matching(to, f"SELECT {', '.join(map(identifier, to))} FROM {table}")
        if len(conditions) == 1:
            rows = f"{self._from(name)} s SEMI JOIN {conditions[0][0]} w ON {conditions[0][1]}"
        else:
            rows = f"{self._from(name)} s WHERE " + " OR ".join(
                f"EXISTS (FROM {table} w WHERE {on})" for table, on, _ in conditions
            )
        self._run(f"INSERT INTO {stage(name)} SELECT s.*, false, 0.0, NULL FROM {rows}")
        before = self.taken[name]
        self._check_cap(name)
        if self.taken[name] == before:
            raise WorkbenchError(
                f"rows of {name} that others refer to can't be read; nothing was kept", hint="workbench doctor"
            )
        return True

    def _wanted(self, link: Link) -> str:
        """What staged rows refer to by one reference, production has, and is not staged."""
        columns = ", ".join(
            f"c.{identifier(own)} AS {identifier(theirs)}" for own, theirs in zip(link.columns, link.to, strict=True)
        )
        there = f"EXISTS (FROM {stage(link.parent)} p WHERE {refers(link)})"
        lost = f"EXISTS (FROM {self.dangling[link].table} o WHERE {same('o', link.columns, 'c', link.columns)})"
        filled = all_filled(link.columns, "c")
        return f"SELECT DISTINCT {columns} FROM {stage(link.child)} c WHERE {filled} AND NOT {there} AND NOT {lost}"

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

    def _check_cap(self, name: str) -> None:
        self.taken[name] = self.count(name)
        done = sum(self.taken.values())
        if done > self.recipe.max_rows:
            raise GuardRefused(
                f"the sandbox would have more than {self.recipe.max_rows:,} rows ({done:,} so far)",
                hint=f"{self.recipe.again(self.recipe.share * 50)}   (or --max-rows {done * 2})",
            )

    def _own(self, name: str) -> str:
        return self.recipe.own(name, self.sources[name], self.production.columns[name])

    def _from(self, name: str) -> str:
        return self.production.relations[name]

    def _run(self, statement: str) -> None:
        self.production.con.execute(statement)

    def _one(self, query: str) -> int:
        return int(self.production.con.execute(query).fetchone()[0])


def stage(name: str) -> str:
    """The staged table of a source."""
    return f"stage.{identifier(name)}"
