"""Tables of PostgreSQL as sides of a comparison: all of a server's at one moment, pulled through Arrow, nothing written."""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from workbench.errors import InfrastructureError, UnknownName, UsageError, WorkbenchError
from workbench.promote.diff.pulled import as_decimal, flat, is_numeric, kept, settled
from workbench.runtime.address import POSTGRES, without_password
from workbench.runtime.duck import AGAIN, identifier

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from ibis.backends.duckdb import Backend

    from workbench.promote.diff.thin import Held
    from workbench.runtime.postgres import Column, Place, Reading

ENV = "env:"
FORM = "postgres://USER@HOST/DATABASE#SCHEMA.TABLE"
_PART = r'(?:"(?:[^"]|"")+"|[^".#]+)'
_SIDE = re.compile(rf"(.*?)#(?:({_PART})\.)?({_PART})", re.DOTALL)
_REFUSED = re.compile(
    r"password authentication failed|no password supplied|role .* does not exist|database .* does not exist|pg_hba\.conf|"
    r"authentication|invalid (integer|port|URI|percent|connection)|missing \"=\"|unexpected character|not permitted to log in"
)


def is_server(text: str) -> bool:
    """Whether this names a table of PostgreSQL, by its address or by the variable of the environment that holds it.

    >>> is_server("postgres://db/shop#orders"), is_server("env:SHOP#public.orders"), is_server("env.csv")
    (True, True, False)
    """
    return text.startswith(POSTGRES) or re.match(r"env:[A-Za-z_]\w*#", text) is not None


@dataclass(slots=True)
class Servers:
    """The servers that a comparison reads, each in one read-only transaction, so that both sides are of one moment."""

    _open: dict[str, Reading] = field(default_factory=dict)

    def close(self) -> None:
        """End the transactions."""
        for reading in self._open.values():
            reading.close()
        self._open.clear()

    def pull(self, con: Backend, text: str, name: str) -> ir.Table:
        """The table that ``text`` names, as the table ``name`` of the session ``con``.

        Raises ``UsageError`` for an address or table that is not there or may not be read, and ``InfrastructureError`` when
        the server does not answer. No message has a password in it.
        """
        return self._within(con, self._found(text), name, "TRUE")

    def held(self, con: Backend, text: str, name: str) -> tuple[ir.Table, Held]:
        """The same table without its rows, and as it is there; what of it is read later becomes the table ``name``."""
        from workbench.promote.diff.thin import Held, kinds_of, types_of

        found = self._found(text)
        reading, relation = found.reading, f"{found.at.relation} AS s"

        def rows(query: str) -> list[tuple[Any, ...]]:
            with _without_secrets(found.at.address):
                return reading.rows(query)

        found = replace(found, columns=settled(found.columns, rows, relation))

        def within(condition: str) -> ir.Table:
            return self._within(con, found, name, condition)

        empty = self._within(con, found, f"{name} of no rows", "FALSE")
        kinds, types = kinds_of(found.columns), types_of(found.columns)
        return empty, Held("postgres", reading, relation, types, rows, within, kinds)

    def _found(self, text: str) -> _Found:
        from workbench.runtime.postgres import Place, Reading

        shown = without_password(text)
        address, schema, table = _parts(text, shown)
        with _without_secrets(address):
            reading = self._open.get(address) or Reading(address)
            self._open[address] = reading
            at = Place(address, schema, table)
            return _Found(reading, at, flat(_columns(reading, at, shown), reading.rows, f"{at.relation} AS s"))

    def _within(self, con: Backend, found: _Found, name: str, condition: str) -> ir.Table:
        """The rows that a condition holds for, which calls the table ``s``."""
        with _without_secrets(found.at.address):
            made = ", ".join(f"{identifier(each.name)} {each.duckdb}" for each in found.columns)
            con.con.execute(f"CREATE TEMP TABLE {identifier(name)} ({made})")
            selected = ", ".join(each.pulled for each in found.columns)
            query = f"SELECT {selected} FROM {found.at.relation} s WHERE {condition}"
            found.reading.pull(con.con, query, found.columns, f"temp.main.{identifier(name)}")
        for each in found.columns:
            if is_numeric(each):
                as_decimal(con.con, f"temp.main.{identifier(name)}", each)
        return con.table(name, database=("temp", "main"))


@dataclass(frozen=True, slots=True)
class _Found:
    """A table of a server that is open, and how its columns are pulled."""

    reading: Reading
    at: Place
    columns: Sequence[Column]


def _parts(text: str, shown: str) -> tuple[str, str, str]:
    """Address, schema and table. Names are taken as they are written, case included; quotes are for those with dots in them."""
    found = _SIDE.fullmatch(text)
    if found is None:
        raise UsageError(f"{shown!r} names no table", hint=f"write it as {FORM}")
    schema, table = (_name(part) for part in (found[2] or "public", found[3]))
    return found[1], schema, table


def _name(part: str) -> str:
    return part[1:-1].replace('""', '"') if part.startswith('"') else part


def _columns(reading: Reading, at: Place, shown: str) -> Sequence[Column]:
    from workbench.runtime.postgres import TABLES

    known = {f"{schema}.{table}" for schema, table in reading.rows(f"SELECT n.nspname::text, c.relname::text {TABLES}")}
    if f"{at.schema}.{at.table}" not in known:
        where = f"table in {shown.rpartition('#')[0]}"
        raise UnknownName.of(
            where, f"{at.schema}.{at.table}", known, hint=f"write it as {FORM}, in upper and lower case as there"
        )
    columns = [kept(each) for each in reading.columns(at).values()]
    twice = [name for name, count in Counter(each.name.lower() for each in columns).items() if count > 1]
    if twice or not columns:
        said = f"has two columns named {twice[0]!r} (upper and lower case count as one)" if twice else "has no columns"
        raise UsageError(f"{shown} {said}", hint="compare a view of it that names its columns anew")
    return columns


@contextlib.contextmanager
def _without_secrets(address: str) -> Iterator[None]:
    """Errors in the words of whoever typed the address, and without its password."""
    import duckdb

    try:
        yield
    except UnknownName:
        raise
    except duckdb.Error as error:
        # What fails while rows arrive comes out of the engine that takes them in.
        told = _scrubbed(str(error).partition("ERROR:")[2].strip() or str(error), address).splitlines()[0]
        message = f"{without_password(address)} can't be read: {told}"
        if "ERROR:" in str(error):
            raise UsageError(message, hint="select from the table there to see the same") from None
        raise InfrastructureError(message, hint=f"see whether the server runs, {AGAIN}") from None
    except WorkbenchError as error:
        message = _scrubbed(error.message, address)
        if isinstance(error, InfrastructureError) and not _REFUSED.search(message):
            raise type(error)(message, hint=_scrubbed(error.hint, address)) from None
        hint = (
            error.hint if error.hint.startswith("pip ") else f"check user, password and rights there (or PGPASSWORD), {AGAIN}"
        )
        raise UsageError(message, hint=hint) from None


def _scrubbed(text: str, address: str) -> str:
    """A message without anything secret that an address holds, or the variable that it names."""
    whole = os.environ.get(address.removeprefix(ENV), "") if address.startswith(ENV) else address
    scheme = next((each for each in POSTGRES if whole.startswith(each)), "")
    text = text.replace(whole, without_password(address)) if whole else text
    secrets = [whole.removeprefix(scheme).rpartition("@")[0].partition(":")[2]] if scheme else []
    secrets += re.findall(r"(?:^|[?&\s])(?:ssl)?password\s*=\s*'?([^&\s']*)", whole)
    for secret in secrets:
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", text) if secret else text
    return re.sub(r"postgres(?:ql)?://[^\s\"]*", lambda found: without_password(found[0]), text)
