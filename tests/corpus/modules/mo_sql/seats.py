"""The table seats.

Promoted by workbench from mo_sql.py.
"""

import ibis
import workbench as wb


def seats(flights: ibis.Table, planes: ibis.Table, *, min_delay: int = 15) -> ibis.Table:
    """The table seats.

    Args:
        flights: source flights.
        planes: source planes.
        min_delay: an int from 0 to 240.
    """
    rows = wb.sql(
        f"""
    SELECT origin, tailnum, seats
    FROM flights
    JOIN planes USING (tailnum)
    WHERE dep_delay > {min_delay}
    """,
        flights=flights,
        planes=planes,
    )

    return rows
