"""The table totals.

Promoted by workbench from mo_sql_types.py.
"""

import ibis
import workbench as wb


def totals(flights: ibis.Table) -> ibis.Table:
    """The table totals.

    Args:
        flights: source flights.
    """
    rows = wb.sql(
        """
    SELECT day, origin, sum(dep_delay) AS total, min(arr_delay)::INTEGER AS least, avg(dep_delay)::DECIMAL(9, 2) AS mean,
        day::TIMESTAMP AS began, (day::TIMESTAMP AT TIME ZONE 'America/New_York') AS moment,
        (day::TIMESTAMP AT TIME ZONE 'America/New_York')::DATE AS utc_day
    FROM flights
    GROUP BY ALL
""",
        flights=flights,
    )

    return rows
