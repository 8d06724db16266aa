"""The table late.

Promoted by workbench from helper_uses_constant.py.
"""

import ibis

LIMIT = 15
ORIGINS = ("JFK", "LGA")  # New York proper


def is_late(delay):
    return delay > LIMIT


def late(flights: ibis.Table) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    return flights.filter(is_late(flights.dep_delay), flights.origin.isin(ORIGINS))
