"""The table two.

Promoted by workbench from private_names_reused.py.
"""

import ibis


def two(flights: ibis.Table) -> ibis.Table:
    """The table two.

    Args:
        flights: source flights.
    """
    _x = flights.filter(flights.origin == "JFK")
    jfk = _x.select("origin", "dep_delay")

    _x_2 = flights.filter(flights.origin == "LGA")
    lga = _x_2.select("origin", "dep_delay")

    return jfk.union(lga)
