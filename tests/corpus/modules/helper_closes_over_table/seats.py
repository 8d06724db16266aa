"""The table seats.

Promoted by workbench from helper_closes_over_table.py.
"""

import ibis


def seats(flights: ibis.Table, planes: ibis.Table) -> ibis.Table:
    """The table seats.

    Args:
        flights: source flights.
        planes: source planes.
    """

    def with_seats(table):
        return table.join(planes, "tailnum").select("tailnum", "seats", "dep_delay")

    return with_seats(flights)
