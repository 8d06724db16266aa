"""The table late.

Promoted by workbench from while_loop.py.
"""

import ibis


def late(flights: ibis.Table) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    rows = flights
    n = 3
    while n > 0:
        rows = rows.filter(rows.dep_delay > n)
        n -= 1

    return rows
