"""The table late.

Promoted by workbench from except_as.py.
"""

import ibis


def late(flights: ibis.Table) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    try:
        limit_ = int("fifteen")
    except ValueError as error:
        limit_ = len(str(error)) * 0 + 15

    return flights.filter(flights.dep_delay > limit_)
