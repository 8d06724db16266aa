"""The table late_ones.

Promoted by workbench from trailing_comments.py.
"""

import ibis

x = 1


def late_ones(flights: ibis.Table, *, speed: int = 3) -> ibis.Table:
    """The table late_ones.

    Args:
        flights: source flights.
        speed: an int from 0 to 10.
    """
    return flights.filter(flights.dep_delay > speed * 10).mutate(y=x)
