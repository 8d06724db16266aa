"""The table late.

Promoted by workbench from require_guard.py.
"""

import ibis
import workbench as wb


def late(flights: ibis.Table, *, min_delay: int = 15) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
        min_delay: an int from 0 to 240.
    """
    wb.require(min_delay % 5 == 0, "whole steps of five minutes")
    rows = flights.filter(flights.dep_delay > min_delay)

    return rows
