"""The table legs_by_delay.

Promoted by workbench from mo_sql_with.py.
"""

import ibis
import workbench as wb


def legs_by_delay(flights: ibis.Table) -> ibis.Table:
    """The table legs_by_delay.

    Args:
        flights: source flights.
    """
    chain = wb.sql(
        """
    WITH RECURSIVE steps(n) AS (SELECT 0 UNION ALL SELECT n + 60 FROM steps WHERE n < 180)
    SELECT n AS least, count(*) AS legs FROM steps JOIN flights ON dep_delay >= n GROUP BY n
""",
        flights=flights,
    )

    return chain
