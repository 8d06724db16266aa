"""The table o1.

Promoted by workbench from alias_by_two_targets.py.
"""

import ibis


def o1(flights: ibis.Table) -> ibis.Table:
    """The table o1.

    Args:
        flights: source flights.
    """
    a = b = ["day"]
    b.append("origin")

    return flights.select(a)
