"""The table per_origin.

Promoted by workbench from table_sql.py.
"""

import ibis


def per_origin(flights: ibis.Table) -> ibis.Table:
    """The table per_origin.

    Args:
        flights: source flights.
    """
    rows = flights.alias("f").sql("SELECT origin, count(*) AS n FROM f GROUP BY origin")

    return rows
