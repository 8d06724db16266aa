"""The table late.

Promoted by workbench from ibis_underscore_private.py.
"""

import ibis
from ibis import _


def late(flights: ibis.Table) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    rows = flights.filter(_.dep_delay > 15)

    return rows.filter(_.origin == "JFK")
