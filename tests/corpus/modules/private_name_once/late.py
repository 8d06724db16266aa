"""The table late.

Promoted by workbench from private_name_once.py.
"""

import ibis


def late(flights: ibis.Table) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    _late = flights.dep_delay > 15
    rows = flights.filter(_late)

    return rows
