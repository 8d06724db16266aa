"""The table late.

Promoted by workbench from class_reads_outer_name.py.
"""

import ibis

LIMIT = 15


class Config:
    LIMIT = LIMIT
    double = LIMIT * 2


def late(flights: ibis.Table) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    return flights.filter(flights.dep_delay > Config.double)
