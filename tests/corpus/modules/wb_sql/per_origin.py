"""The table per_origin.

Promoted by workbench from wb_sql.py.
"""

import ibis
import workbench as wb


def per_origin(flights: ibis.Table, planes: ibis.Table) -> ibis.Table:
    """The table per_origin.

    Args:
        flights: source flights.
        planes: source planes.
    """
    rows = wb.sql(
        "SELECT origin, count(*) AS n FROM flights JOIN p USING (tailnum) GROUP BY origin", flights=flights, p=planes
    )

    return rows
