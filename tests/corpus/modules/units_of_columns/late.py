"""The table late.

Promoted by workbench from units_of_columns.py.
"""

import ibis


def late(flights: ibis.Table) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    return flights.filter(flights.dep_delay > 15).select("day", "origin", "dep_delay")
