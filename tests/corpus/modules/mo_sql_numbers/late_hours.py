"""The table late_hours.

Promoted by workbench from mo_sql_numbers.py.
"""

import ibis
import workbench as wb

least = -5
minute = 60


def late_hours(flights: ibis.Table, *, hours: int = 1) -> ibis.Table:
    """The table late_hours.

    Args:
        flights: source flights.
        hours: an int from 0 to 4.
    """
    rows = wb.sql(
        f"""
    SELECT origin, tailnum, dep_delay / {minute} AS late
    FROM flights
    WHERE dep_delay > {least} AND dep_delay <= {hours * minute + 30}
    """,
        flights=flights,
    )

    return rows
