"""The table joined.

Promoted by workbench from source_inline.py.
"""

import ibis


def joined(flights: ibis.Table, planes: ibis.Table) -> ibis.Table:
    """The table joined.

    Args:
        flights: source flights.
        planes: source planes.
    """
    return flights.join(planes, "tailnum").select("tailnum", "seats")
