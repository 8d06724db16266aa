"""The table ranked.

Promoted by workbench from window_function.py.
"""

import ibis


def ranked(flights: ibis.Table) -> ibis.Table:
    """The table ranked.

    Args:
        flights: source flights.
    """
    w = ibis.window(group_by="origin", order_by="day")

    return flights.mutate(rank=ibis.row_number().over(w))
