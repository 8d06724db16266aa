"""The table o1.

Promoted by workbench from finally_rebinds.py.
"""

import ibis


def o1(flights: ibis.Table) -> ibis.Table:
    """The table o1.

    Args:
        flights: source flights.
    """
    try:
        v = 5
        v = int("x")
    except ValueError as e:
        v = 10
    finally:
        v = v + 5

    return flights.filter(flights.dep_delay > v)
