"""Late departures of each airport.

Promoted by workbench from model_function.py.
"""

import ibis


def _late_by_origin(flights, limit):
    """Late departures of each airport."""
    # more than a limit
    return flights.filter(flights.dep_delay > limit).group_by("origin").aggregate(n=ibis._.count())


def late_by_origin(flights: ibis.Table, *, min_delay: int = 15) -> ibis.Table:
    """Late departures of each airport.

    Args:
        flights: source flights.
        min_delay: an int from 0 to 240.
    """
    return _late_by_origin(flights, min_delay)
