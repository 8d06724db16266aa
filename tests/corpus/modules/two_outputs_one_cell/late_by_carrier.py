"""The table late_by_carrier.

Promoted by workbench from two_outputs_one_cell.py.
"""

import ibis


def late_by_carrier(flights: ibis.Table) -> ibis.Table:
    """The table late_by_carrier.

    Args:
        flights: source flights.
    """
    late = flights.filter(flights.dep_delay > 15)
    return late.group_by("carrier").aggregate(n=late.count())
