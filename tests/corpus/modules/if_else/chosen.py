"""The table chosen.

Promoted by workbench from if_else.py.
"""

import ibis


def chosen(flights: ibis.Table, *, carrier: str = "all") -> ibis.Table:
    """The table chosen.

    Args:
        flights: source flights.
        carrier: one of 'all', 'UA'.
    """
    if carrier == "all":
        rows = flights
    else:
        rows = flights.filter(flights.carrier == carrier)
    return rows
