"""The table late.

Promoted by workbench from semicolons.py.
"""

import ibis

limit = 15


def late(flights: ibis.Table) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    rows = flights.filter(flights.dep_delay > limit)
    return rows
