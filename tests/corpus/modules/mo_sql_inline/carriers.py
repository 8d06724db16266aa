"""The table carriers.

Promoted by workbench from mo_sql_inline.py.
"""

import ibis
import workbench as wb


def carriers(flights: ibis.Table) -> ibis.Table:
    """The table carriers.

    Args:
        flights: source flights.
    """
    _late = flights.filter(flights.dep_delay > 15)
    late = _late.select("origin", "carrier")

    return wb.sql("WITH x AS (SELECT * FROM late) SELECT carrier, origin FROM x", late=late).distinct()
