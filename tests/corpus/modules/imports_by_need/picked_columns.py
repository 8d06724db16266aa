"""The table picked_columns.

Promoted by workbench from imports_by_need.py.
"""

import math

import ibis
import ibis.selectors as s


def picked_columns(flights: ibis.Table) -> ibis.Table:
    """The table picked_columns.

    Args:
        flights: source flights.
    """
    return flights.select(s.cols("origin", "dep_delay")).filter(ibis._.dep_delay > math.floor(15.5))
