"""The table o1.

Promoted by workbench from closure_counts.py.
"""

import ibis


def make():
    n = 0

    def up():
        nonlocal n
        n += 10
        return n

    return up


def o1(flights: ibis.Table) -> ibis.Table:
    """The table o1.

    Args:
        flights: source flights.
    """
    up = make()
    up()
    up()
    v = up()

    return flights.filter(flights.dep_delay > v)
