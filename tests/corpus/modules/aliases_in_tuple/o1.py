"""The table o1.

Promoted by workbench from aliases_in_tuple.py.
"""

import ibis


def o1(flights: ibis.Table) -> ibis.Table:
    """The table o1.

    Args:
        flights: source flights.
    """
    cols = ["day"]
    pair = (cols, 1)
    pair[0].append("origin")

    return flights.select(cols)
