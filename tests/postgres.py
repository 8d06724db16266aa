"""A real PostgreSQL for tests: a private server on a free port of loopback, started once a process that runs tests."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest


def _programs() -> Path:
    """The folder of PostgreSQL's programs; Debian keeps them out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    initdb = str(found[-1]) if found else shutil.which("initdb")
    assert initdb, "PostgreSQL is not installed; next: sh .ci/system postgres"
    return Path(initdb).parent


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The address of a new, empty server, without a database name; gone when the block ends.

    PostgreSQL refuses to run as root: there it runs as the user that its package has made.
    """
    programs, user = _programs(), pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    folder = Path(tempfile.mkdtemp(prefix="workbench-postgres-"))
    os.chown(folder, user.pw_uid, user.pw_gid)
    become = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    port = _free_port()
    options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off -c full_page_writes=off -c max_connections=50"

    def control(*arguments: str) -> None:
        subprocess.run([programs / arguments[0], *arguments[1:]], check=True, cwd=folder, stdout=subprocess.DEVNULL, **become)

    try:
        control("initdb", "-D", f"{folder}/data", "-U", "postgres", "-A", "trust", "--locale=C.UTF-8", "--no-sync")
        control("pg_ctl", "-D", f"{folder}/data", "-l", f"{folder}/log", "-w", "-o", options, "start")
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}"
        finally:
            control("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with server() as address:
        yield address


@contextlib.contextmanager
def database(server: str, template: str = "template1") -> Iterator[str]:
    """The address of a new database of a server, a copy of another one, to which nobody is connected."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        yield f"{server}/{name}"
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[str]:
    """The address of an empty database of a real PostgreSQL, ``postgresql://postgres@127.0.0.1:PORT/NAME``."""
    with database(postgres_server) as address:
        yield address
