"""The table big_planes.

Promoted by workbench from mo_sql_with.py.
"""

import ibis
import workbench as wb


def big_planes(planes: ibis.Table) -> ibis.Table:
    """The table big_planes.

    Args:
        planes: source planes.
    """
    named = wb.sql(
        """
    WITH big AS (SELECT * FROM planes WHERE seats > 200), planes2 AS (SELECT * FROM big)
    SELECT tailnum, seats FROM planes2 WHERE EXISTS (WITH flights AS (SELECT 1) SELECT * FROM flights)
    """,
        planes=planes,
    )
    return named
