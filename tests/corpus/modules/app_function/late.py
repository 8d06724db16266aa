"""The table late.

Promoted by workbench from app_function.py.
"""

import ibis

LIMIT = 15


def is_late(delay):
    """Late?"""
    return delay > LIMIT


def late(flights: ibis.Table) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    return flights.filter(is_late(flights.dep_delay))
