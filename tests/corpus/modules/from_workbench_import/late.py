"""The table late.

Promoted by workbench from from_workbench_import.py.
"""

import ibis


def late(flights: ibis.Table, *, min_delay: int = 15) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
        min_delay: an int.
    """
    return flights.filter(flights.dep_delay > min_delay)
