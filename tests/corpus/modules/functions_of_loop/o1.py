"""The table o1.

Promoted by workbench from functions_of_loop.py.
"""

import ibis


def o1(flights: ibis.Table) -> ibis.Table:
    """The table o1.

    Args:
        flights: source flights.
    """
    fs = []
    for i in [1, 2, 3]:
        fs.append(lambda t: t.filter(t.dep_delay > i * 10))

    return fs[0](flights)
