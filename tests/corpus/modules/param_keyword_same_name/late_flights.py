"""The table late_flights.

Promoted by workbench from param_keyword_same_name.py.
"""

import ibis


def late(table, min_delay):
    return table.filter(table.dep_delay > min_delay)


def late_flights(flights: ibis.Table, *, min_delay: int = 15) -> ibis.Table:
    """The table late_flights.

    Args:
        flights: source flights.
        min_delay: an int from 0 to 240.
    """
    return late(flights, min_delay=min_delay)
