"""Flights by origin.

Promoted by workbench from plain.py.
"""

import ibis


def by_origin(flights: ibis.Table) -> ibis.Table:
    """Flights by origin.

    Args:
        flights: source flights.
    """
    return flights.group_by("origin").aggregate(n=flights.count())
