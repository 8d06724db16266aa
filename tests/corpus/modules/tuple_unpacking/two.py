"""The table two.

Promoted by workbench from tuple_unpacking.py.
"""

import ibis


def two(flights: ibis.Table) -> ibis.Table:
    """The table two.

    Args:
        flights: source flights.
    """
    jfk, (lga, *others) = flights.filter(flights.origin == "JFK"), (flights.filter(flights.origin == "LGA"), 1, 2)

    return jfk.union(lga)
