"""The table late.

Promoted by workbench from walrus.py.
"""

import ibis


def late(flights: ibis.Table) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    rows = flights.filter((late := flights.dep_delay > 15), flights.origin == "JFK")

    return rows.mutate(late=late)
