"""The table late.

Promoted by workbench from try_except.py.
"""

import ibis


def late(flights: ibis.Table) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    try:
        rows = flights.filter(flights.dep_delay > 15)
    except AttributeError:
        rows = flights.filter(flights.arr_delay > 15)
    return rows
