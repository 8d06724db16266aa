"""The table o1.

Promoted by workbench from instance_setattr.py.
"""

import ibis


class C:
    pass


def o1(flights: ibis.Table) -> ibis.Table:
    """The table o1.

    Args:
        flights: source flights.
    """
    c = C()
    c.x = 1
    list(map(lambda k: c.__setattr__(k, 50), ["x"]))

    return flights.filter(flights.dep_delay > c.x)
