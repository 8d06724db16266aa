"""The table late.

Promoted by workbench from shadowed_builtin.py.
"""

import ibis

max = 30


def late(flights: ibis.Table) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    return flights.filter(flights.dep_delay < max)
