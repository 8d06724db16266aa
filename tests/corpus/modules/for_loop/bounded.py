"""The table bounded.

Promoted by workbench from for_loop.py.
"""

import ibis


def bounded(flights: ibis.Table) -> ibis.Table:
    """The table bounded.

    Args:
        flights: source flights.
    """
    rows = flights
    for column, low in [("dep_delay", 0), ("arr_delay", 0)]:
        # one bound at a time
        rows = rows.filter(rows[column] >= low)
    return rows
