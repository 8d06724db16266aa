"""The table o1.

Promoted by workbench from parameter_normalised.py.
"""

import ibis


def o1(flights: ibis.Table, *, fi: int = 10) -> ibis.Table:
    """The table o1.

    Args:
        flights: source flights.
        fi: an int from 0 to 50.
    """
    return flights.filter(flights.dep_delay > fi)
