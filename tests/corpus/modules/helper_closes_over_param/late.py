"""The table late.

Promoted by workbench from helper_closes_over_param.py.
"""

import ibis


def late(flights: ibis.Table, *, min_delay: int = 15) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
        min_delay: an int from 0 to 240.
    """

    def is_late(delay):
        return delay > min_delay

    return flights.filter(is_late(flights.dep_delay))
