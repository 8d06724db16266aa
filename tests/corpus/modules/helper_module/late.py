"""The table late.

Promoted by workbench from helper_module.py.
"""

import ibis

from . import delays
from .delays import LIMIT, is_late as late_enough


def late(flights: ibis.Table) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    return flights.filter(
        late_enough(flights.dep_delay), delays.is_late(flights.arr_delay), flights.dep_delay < LIMIT * 10
    )
