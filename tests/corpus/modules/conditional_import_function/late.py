"""The table late.

Promoted by workbench from conditional_import_function.py.
"""

import functools
import operator

import ibis


def late(flights: ibis.Table) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    conditions = [flights.dep_delay > 0, flights.arr_delay > 0]
    return flights.filter(functools.reduce(operator.and_, conditions))
