"""The table late.

Promoted by workbench from param_other_name.py.
"""

import ibis


def late(flights: ibis.Table, *, min_delay: int = 15) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
        min_delay: an int from 0 to 240.
    """
    return flights.filter(flights.dep_delay > min_delay)
