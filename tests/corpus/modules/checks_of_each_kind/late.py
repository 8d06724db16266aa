"""Late flights
of one year.

Promoted by workbench from checks_of_each_kind.py.
"""

import ibis


def late(flights: ibis.Table) -> ibis.Table:
    """Late flights.

    Args:
        flights: source flights.
    """
    return flights.filter(flights.dep_delay > 15).select("day", "origin", "dep_delay")
