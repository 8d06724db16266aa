"""Late flights.

Promoted by workbench from two_outputs.py.
"""

import ibis


def late(flights: ibis.Table) -> ibis.Table:
    """Late flights.

    Args:
        flights: source flights.
    """
    return flights.filter(flights.dep_delay > 15)
