"""The table late.

Promoted by workbench from cells_in_reverse.py.
"""

import ibis

LIMIT = 15


def late(flights: ibis.Table) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    rows = flights.filter(flights.dep_delay > LIMIT)

    return rows
