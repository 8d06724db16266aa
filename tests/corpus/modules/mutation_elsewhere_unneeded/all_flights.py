"""The table all_flights.

Promoted by workbench from mutation_elsewhere_unneeded.py.
"""

import ibis


def all_flights(flights: ibis.Table) -> ibis.Table:
    """The table all_flights.

    Args:
        flights: source flights.
    """
    return flights
