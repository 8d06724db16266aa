"""Late flights.

Promoted by workbench from display_between.py.
"""

import ibis


def late(flights: ibis.Table) -> ibis.Table:
    """Late flights.

    Args:
        flights: source flights.
    """
    late = flights.filter(flights.dep_delay > 15)  # quarter of an hour
    # only the columns that readers need
    small = late.select("origin", "dep_delay")
    return small
