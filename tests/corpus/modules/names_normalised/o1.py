"""The table o1.

Promoted by workbench from names_normalised.py.
"""

import ibis

ﬁeld = 10


def o1(flights: ibis.Table) -> ibis.Table:
    """The table o1.

    Args:
        flights: source flights.
    """
    x = field + 5

    return flights.filter(flights.dep_delay > x)
