"""The table totals.

Promoted by workbench from augmented_assignment.py.
"""

import ibis


def totals(flights: ibis.Table) -> ibis.Table:
    """The table totals.

    Args:
        flights: source flights.
    """
    total = flights.dep_delay
    total += flights.arr_delay
    total /= 2

    return flights.select("origin", total=total)
