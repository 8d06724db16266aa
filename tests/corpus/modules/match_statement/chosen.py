"""The table chosen.

Promoted by workbench from match_statement.py.
"""

import ibis


def chosen(flights: ibis.Table, *, carrier: str = "all") -> ibis.Table:
    """The table chosen.

    Args:
        flights: source flights.
        carrier: one of 'all', 'UA'.
    """
    match carrier:
        case "all":
            rows = flights
        case str() as code:
            rows = flights.filter(flights.carrier == code)
    return rows
