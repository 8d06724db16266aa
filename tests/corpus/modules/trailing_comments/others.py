"""The table others.

Promoted by workbench from trailing_comments.py.
"""

import ibis


def others(flights: ibis.Table) -> ibis.Table:
    """The table others.

    Args:
        flights: source flights.
    """
    return flights
