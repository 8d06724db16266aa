"""What tells one state of a table of a PostgreSQL from another: it costs less than its content, and says as much."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import duckdb
import psycopg
import pytest

from workbench.runtime.postgres import Place as At
from workbench.runtime.postgres import Reading
from workbench.sandbox.remote import Remote

State = tuple[int, str]
Look = Callable[[str], State]


@pytest.fixture
def look(postgres: str) -> Look:
    """The state of a table as a transaction of its own sees it."""

    def state(table: str, address: str = postgres) -> State:
        reading = Reading(address)
        try:
            with duckdb.connect() as con:
                return Remote.open(table, At(address, "public", table), reading, con).state()
        finally:
            reading.close()

    return state


@pytest.fixture
def server(postgres: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE TYPE mood AS ENUM ('calm', 'cross')")
        connection.execute(
            "CREATE TABLE calls AS SELECT i AS id, 'clerk ' || i % 5 AS clerk, 'calm'::mood AS mood "
            "FROM generate_series(1, 500) s(i)"
        )
        yield connection


def test_what_writes_nothing_leaves_the_state_as_it_was(server: psycopg.Connection, look: Look) -> None:
    before = look("calls")
    assert before[0] == 500
    assert look("calls") == before
    server.execute("ALTER TABLE calls ADD PRIMARY KEY (id)")
    server.execute("VACUUM (FREEZE, ANALYZE) calls")
    for statement in ("BEGIN", "DELETE FROM calls", "INSERT INTO calls VALUES (9, 'new', 'calm')", "ROLLBACK"):
        server.execute(statement)
    assert look("calls") == before


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO calls VALUES (501, 'clerk 1', 'calm')",
        "UPDATE calls SET clerk = 'other' WHERE id = 77",
        "DELETE FROM calls WHERE id = 500",
        "DELETE FROM calls WHERE id = 500; VACUUM calls; INSERT INTO calls VALUES (500, 'another', 'calm')",
        "CREATE TEMP TABLE kept AS FROM_CALLS; TRUNCATE calls; INSERT INTO calls SELECT id, 'x', mood FROM kept",
        "ALTER TYPE mood RENAME VALUE 'calm' TO 'serene'",
        "ALTER TABLE calls RENAME clerk TO agent",
        "ALTER TABLE calls ALTER id TYPE text",
        "ALTER TABLE calls ADD late boolean DEFAULT true",
        "ALTER TABLE calls DROP clerk",
        "ALTER TABLE calls RENAME TO old; CREATE TABLE calls AS SELECT id, upper(clerk) AS clerk, mood FROM old",
    ],
    ids=lambda change: change[:30],
)
def test_what_changes_the_content_changes_the_state(server: psycopg.Connection, look: Look, change: str) -> None:
    before = look("calls")
    for statement in change.replace("FROM_CALLS", "SELECT * FROM calls").split("; "):
        server.execute(statement)
    assert look("calls") != before


def test_equal_rows_of_two_databases_have_two_states(server: psycopg.Connection, postgres: str, look: Look) -> None:
    copied = f"{postgres.rpartition('/')[2]}_copy"
    name = server.info.dbname
    with psycopg.connect(postgres.replace(name, "postgres"), autocommit=True) as other:
        server.close()
        other.execute(f'CREATE DATABASE "{copied}" TEMPLATE "{name}"')
        try:
            here, there = look("calls"), look("calls", postgres.replace(name, copied))
        finally:
            other.execute(f'DROP DATABASE "{copied}" WITH (FORCE)')
    assert here[0] == there[0] == 500
    assert here[1] != there[1]


def test_partitions_and_what_has_no_places_have_states_too(server: psycopg.Connection, look: Look) -> None:
    server.execute("CREATE TABLE parted (id int, day int) PARTITION BY LIST (day)")
    server.execute("CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1)")
    server.execute("CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2)")
    server.execute("INSERT INTO parted SELECT i, i % 2 + 1 FROM generate_series(1, 40) s(i)")
    server.execute("CREATE VIEW shown AS SELECT id, clerk FROM calls WHERE id > 5")
    parted, shown = look("parted"), look("shown")
    assert (parted[0], shown[0]) == (40, 495)
    server.execute("UPDATE parted SET day = 2 WHERE id = 1 OR id = 2")
    server.execute("UPDATE calls SET clerk = 'other' WHERE id = 3")  # not to be seen in the view
    assert look("parted") != parted
    assert look("shown") == shown
    server.execute("UPDATE calls SET clerk = 'other' WHERE id = 6")
    assert look("shown") != shown


def test_a_role_that_may_not_ask_for_the_server_has_states_too(server: psycopg.Connection, postgres: str, look: Look) -> None:
    role = f"r_{server.info.dbname}"
    server.execute(f'CREATE ROLE "{role}" LOGIN')
    try:
        server.execute("REVOKE EXECUTE ON FUNCTION pg_catalog.pg_control_system() FROM PUBLIC")
        server.execute(f'GRANT SELECT ON calls TO "{role}"')
        address = postgres.replace("postgres@", f"{role}@")
        before = look("calls", address)
        server.execute("DELETE FROM calls WHERE id = 1")
        assert look("calls", address) != before == (500, before[1])
    finally:
        server.execute(f'DROP OWNED BY "{role}"')
        server.execute(f'DROP ROLE "{role}"')
