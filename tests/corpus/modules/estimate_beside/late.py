"""The table late.

Promoted by workbench from estimate_beside.py.
"""

import ibis


def late(flights: ibis.Table) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    late = flights.filter(flights.dep_delay > 15)

    return late.select("day", "origin", "dep_delay")
