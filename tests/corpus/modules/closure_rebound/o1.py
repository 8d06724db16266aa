"""The table o1.

Promoted by workbench from closure_rebound.py.
"""

import ibis


def f():
    def g(t):
        return t.filter(t.dep_delay > lim)

    lim = 10
    h = g
    lim = 30
    return h


def o1(flights: ibis.Table) -> ibis.Table:
    """The table o1.

    Args:
        flights: source flights.
    """
    k = f()

    return k(flights)
