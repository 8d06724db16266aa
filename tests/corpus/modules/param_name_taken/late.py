"""The table late.

Promoted by workbench from param_name_taken.py.
"""

import ibis


def late(flights: ibis.Table, *, min_delay: int = 15) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
        min_delay: an int from 0 to 240.
    """
    min_delay_2 = min_delay * 60

    return flights.filter(flights.dep_delay * 60 > min_delay_2)
