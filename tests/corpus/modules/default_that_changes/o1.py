"""The table o1.

Promoted by workbench from default_that_changes.py.
"""

import ibis


def o1(flights: ibis.Table) -> ibis.Table:
    """The table o1.

    Args:
        flights: source flights.
    """

    def cols(more, seen=[]):
        seen.append(more)
        return list(seen)

    cols("day")
    b = cols("origin")

    return flights.select(b)
