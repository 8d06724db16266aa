"""Any graph of references: no new orphan, exact determinism, cycles and self-references to their end."""

from __future__ import annotations

import itertools
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pytest
from adbc_driver_postgresql import dbapi
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from workbench.config import Reference, Source
from workbench.errors import UsageError
from workbench.runtime.postgres import Place, Reading
from workbench.sandbox.graph import Link, Role, links, plan_roles
from workbench.sandbox.hashing import Recipe
from workbench.sandbox.production import Production
from workbench.sandbox.remote import Remote
from workbench.sandbox.sample import Sampling


@dataclass(frozen=True)
class Shape:
    """A generated schema: sizes of tables, whether keys are composite, references, and salts of the data."""

    rows: tuple[int, ...]
    composite: tuple[bool, ...]
    references: tuple[tuple[int, int, int], ...]
    share: float
    seed: int
    where: str = ""

    @property
    def sources(self) -> dict[str, Source]:
        found = {}
        for number in range(len(self.rows)):
            mine = [(index, parent) for index, (child, parent, _) in enumerate(self.references) if child == number]
            references = [
                Reference(
                    columns=[f"r{index}_{part}" for part in range(2 if self.composite[parent] else 1)], source=f"t{parent}"
                )
                for index, parent in mine
            ]
            key = ["k_0", "k_1"] if self.composite[number] else ["k_0"]
            found[f"t{number}"] = Source(read="-", key=key, references=references)
        return found

    def fill(self, con: duckdb.DuckDBPyConnection, order: str) -> None:
        """Tables whose references are NULL for some rows and dangle for some."""
        for number, size in enumerate(self.rows):
            columns = ["i // 3 AS k_0", "i % 3 AS k_1"] if self.composite[number] else ["i AS k_0"]
            for index, (child, parent, salt) in enumerate(self.references):
                if child == number:
                    to = f"((i * {salt} + {salt}) % {self.rows[parent] + 3})"
                    null = f"CASE WHEN (i + {salt}) % 7 = 0 THEN NULL ELSE "
                    if self.composite[parent]:
                        columns += [f"{null} {to} // 3 END AS r{index}_0", f"{to} % 3 AS r{index}_1"]
                    else:
                        columns += [f"{null} {to} END AS r{index}_0"]
            con.execute(f"CREATE TABLE t{number} AS SELECT {', '.join(columns)} FROM range({size}) x(i) ORDER BY i {order}")


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    count = draw(st.integers(1, 8))
    rows = draw(st.tuples(*[st.integers(0, 60)] * count))
    composite = draw(st.tuples(*[st.booleans()] * count))
    table = st.integers(0, count - 1)
    references = draw(st.lists(st.tuples(table, table, st.integers(1, 11)), max_size=10))
    share, seed = draw(st.sampled_from([0.1, 0.3, 0.7, 1.0])), draw(st.integers(0, 9))
    return Shape(rows, composite, tuple(references), share, seed, draw(st.sampled_from(["", "true", "k_0 >= 2"])))


def sample(
    shape: Shape, order: str = "ASC", threads: int = 2, server: str = ""
) -> tuple[Sampling, dict[str, list[tuple[object, ...]]]]:
    """With ``server`` every other table is read from there."""
    con = duckdb.connect(config={"threads": threads})
    shape.fill(con, order)
    names = list(shape.sources)
    columns = {name: dict(con.execute(f"SELECT column_name, column_type FROM (DESCRIBE {name})").fetchall()) for name in names}
    rows = {f"t{number}": size for number, size in enumerate(shape.rows)}
    production = Production(
        con, {name: f"(FROM {name})" for name in names}, columns, rows, dict.fromkeys(names, 0), dict.fromkeys(names, "")
    )
    for name in names[:: 2 if shape.seed % 2 else 1] if server else ():
        _move_there(production, name, server)
    # Without limits on what is small, all roles occur.
    steps = plan_roles(shape.sources, dict.fromkeys(names, 10**9))
    recipe = Recipe(shape.share, shape.seed, f"{shape.share:.0%}", where=shape.where)
    sampling = Sampling(production, shape.sources, links(shape.sources), steps, recipe, lambda _: None)
    try:
        sampling.take()
    except UsageError as error:  # tables this small may well choose none, which is refused
        con.close()
        if "reaches nothing" not in error.message:
            raise
        assume(False)
    return sampling, {name: sorted(con.execute(f"FROM stage.{name}").fetchall(), key=repr) for name in names}


def _move_there(production: Production, name: str, server: str) -> None:
    """Put a table of the DuckDB connection into a PostgreSQL, and let it be read from there."""
    table = production.con.execute(f"FROM {name}").to_arrow_table()
    with dbapi.connect(server) as writer:
        with writer.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {name}")
            cursor.adbc_ingest(name, table)
        writer.commit()
    production.con.execute(f"DROP TABLE {name}")
    readings = {id(each.reading): each.reading for each in production.remotes.values()}
    # A transaction begun before sees nothing of it, so all tables are read in a new one.
    for each in readings.values():
        each.close()
    reading = Reading(server)
    for each in production.remotes.values():
        each.reading = reading
    production.remotes[name] = Remote.open(name, Place(server, "public", name), reading, production.con)
    production.relations[name] = production.remotes[name].relation


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shapes())
def test_no_reference_is_broken_and_no_row_is_twice(shape: Shape) -> None:
    sampling, tables = sample(shape)
    con = sampling.production.con
    for link in sampling.links:
        assert sampling.orphans(link) == sampling.production_orphans(link)
        match = " AND ".join(f"c.{own} = p.{to}" for own, to in zip(link.columns, link.to, strict=True))
        filled = " AND ".join(f"c.{own} IS NOT NULL" for own in link.columns)
        count = f"SELECT count(*) FROM {link.child} c ANTI JOIN {link.parent} p ON {match} WHERE {filled}"
        nulls = f"SELECT count(*) FROM {link.child} c WHERE NOT ({filled})"
        dangling = sampling.dangling[link]
        assert (dangling.orphans, dangling.nulls) == (con.execute(count).fetchone()[0], con.execute(nulls).fetchone()[0])
    for name, rows in tables.items():
        keys = [row[: len(shape.sources[name].key)] for row in rows]
        assert len(keys) == len(set(keys))
    sampling.production.con.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shapes())
def test_neither_order_nor_threads_change_a_row(shape: Shape) -> None:
    first, tables = sample(shape, "ASC", 1)
    second, again = sample(shape, "DESC", 4)
    assert tables == again
    for sampling in (first, second):
        sampling.production.con.close()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(shapes())
def test_a_postgresql_gives_the_same_rows(postgres: str, shape: Shape) -> None:
    first, tables = sample(shape)
    second, again = sample(shape, "DESC", server=postgres)
    assert tables == again
    assert {link: (each.orphans, each.nulls) for link, each in first.dangling.items()} == {
        link: (each.orphans, each.nulls) for link, each in second.dangling.items()
    }
    for remote in second.production.remotes.values():
        remote.reading.close()
    for sampling in (first, second):
        sampling.production.con.close()


@settings(max_examples=60, deadline=None)
@given(shapes())
def test_every_source_has_one_role_and_followers_come_after_those_they_follow(shape: Shape) -> None:
    steps = plan_roles(shape.sources, dict.fromkeys(shape.sources, 10**9))
    assert sorted(step.source for step in steps) == sorted(shape.sources)
    seen: set[str] = set()
    for step in steps:
        if step.via is not None:
            assert step.via.parent in seen
        seen.add(step.source)
    assert any(step.role is Role.ANCHOR for step in steps)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shapes())
def test_core_rows_follow_their_parent_completely(shape: Shape) -> None:
    sampling, _ = sample(shape)
    con = sampling.production.con
    for step in sampling.steps:
        if step.role is Role.FOLLOW and step.via is not None:
            link: Link = step.via
            match = " AND ".join(f"c.{own} = p.{to}" for own, to in zip(link.columns, link.to, strict=True))
            query = "SELECT count(*) FROM {0} c SEMI JOIN (FROM stage.{1} WHERE __wb_core) p ON {2}"
            everything = con.execute(query.format(link.child, link.parent, match)).fetchone()
            mine = con.execute(query.format(f"(FROM stage.{link.child} WHERE __wb_core)", link.parent, match)).fetchone()
            assert everything == mine
    con.close()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(shapes(), st.sampled_from([0.05, 0.2, 0.5]))
def test_what_a_small_sample_chooses_a_larger_one_chooses_too(shape: Shape, part: float) -> None:
    large, _ = sample(shape)
    small, _ = sample(replace(shape, share=shape.share * part))
    for name, source in shape.sources.items():
        chosen = f"SELECT {', '.join(source.key)} FROM stage.{name} WHERE __wb_core"
        few, many = (set(each.production.con.execute(chosen).fetchall()) for each in (small, large))
        assert few <= many
    for sampling in (large, small):
        sampling.production.con.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shapes())
def test_core_rows_stand_for_others_and_support_rows_for_none(shape: Shape) -> None:
    sampling, _ = sample(shape)
    con = sampling.production.con
    for step in sampling.steps:
        flags = f"SELECT DISTINCT __wb_core, __wb_weight, __wb_cluster IS NULL FROM stage.{step.source}"
        weight = 1.0 if step.role is Role.WHOLE else pytest.approx(1 / shape.share)
        for core, each, alone in con.execute(flags).fetchall():
            assert (each, alone) == ((weight, False) if core else (0.0, True))
        needed = " OR ".join(
            f"EXISTS (FROM stage.{link.child} c WHERE "
            + " AND ".join(f"c.{own} = s.{to}" for own, to in zip(link.columns, link.to, strict=True))
            + ")"
            for link in sampling.links
            if link.parent == step.source
        )
        idle = f"SELECT count(*) FROM stage.{step.source} s WHERE NOT __wb_core AND NOT ({needed or 'false'})"
        assert con.execute(idle).fetchone() == (0,)
    con.close()


@pytest.mark.parametrize(("size", "depth"), [(2000, 1), (2000, 3)])
def test_a_chain_of_managers_is_pulled_in_to_its_end(size: int, depth: int) -> None:
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(str(Path(folder, "x.duckdb"))) as con:
        con.execute(
            f"CREATE TABLE staff AS SELECT i AS id, CASE WHEN i > 0 THEN i // {depth + 1} END AS boss FROM range({size}) x(i)"
        )
        sources = {"staff": Source(read="-", key=["id"], references=[Reference(columns=["boss"], source="staff")])}
        production = Production(
            con,
            {"staff": "(FROM staff)"},
            {"staff": {"id": "BIGINT", "boss": "BIGINT"}},
            {"staff": size},
            {"staff": 0},
            {"staff": ""},
        )
        sampling = Sampling(
            production, sources, links(sources), plan_roles(sources, {"staff": size}), Recipe(0.01, 7, "1%"), lambda _: None
        )
        sampling.take()
        chosen = dict(con.execute("SELECT id, boss FROM stage.staff").fetchall())
        assert all(boss is None or boss in chosen for boss in chosen.values())
        assert len(list(itertools.islice(chosen, 5))) == 5
