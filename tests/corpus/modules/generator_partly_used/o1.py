"""The table o1.

Promoted by workbench from generator_partly_used.py.
"""

import ibis


def gen():
    yield "day"
    yield "origin"


def o1(flights: ibis.Table) -> ibis.Table:
    """The table o1.

    Args:
        flights: source flights.
    """
    g = gen()
    x = next(g)
    cols = [*g]

    return flights.select(cols)
