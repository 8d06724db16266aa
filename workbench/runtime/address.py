"""Addresses of databases, shown without what is secret in them."""

from __future__ import annotations

import re

POSTGRES = ("postgres://", "postgresql://")


def without_password(text: str) -> str:
    """The address of a PostgreSQL (with ``#SCHEMA.TABLE`` or without) as it may be shown; any other text as it is.

    The password goes, also one with signs in it that should have been encoded, and so do all settings after ``?``.

    >>> without_password("postgres://ada:se/c@r#et@db/shop?sslpassword=x#public.orders")
    'postgres://ada@db/shop#public.orders'
    >>> without_password("postgresql:///shop?password=x"), without_password("a:b@c.parquet")
    ('postgresql:///shop', 'a:b@c.parquet')
    """
    scheme = next((each for each in POSTGRES if text.startswith(each)), None)
    if scheme is None:
        return text
    place, mark, table = text.removeprefix(scheme).rpartition("#")
    if not mark:
        place, table = table, ""
    person, at, rest = place.rpartition("@")
    return scheme + person.partition(":")[0] + at + re.sub(r"\?.*", "", rest, flags=re.DOTALL) + mark + table
