"""The table late_by_origin.

Promoted by workbench from two_outputs_one_cell.py.
"""

import ibis


def late_by_origin(flights: ibis.Table) -> ibis.Table:
    """The table late_by_origin.

    Args:
        flights: source flights.
    """
    late = flights.filter(flights.dep_delay > 15)
    return late.group_by("origin").aggregate(n=late.count())
