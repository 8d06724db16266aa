"""The table late.

Promoted by workbench from type_annotations.py.
"""

import datetime as dt
from typing import Final

import ibis

LIMIT: Final = 15


def since(table: ibis.Table, day: dt.date) -> ibis.Table:
    return table.filter(table.day >= day)


def late(flights: ibis.Table) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    rows = since(flights, dt.date(2013, 1, 2))
    return rows.filter(rows.dep_delay > LIMIT)
