"""The table jfk.

Promoted by workbench from source_name_collides.py.
"""

import ibis


def jfk(flights_source: ibis.Table) -> ibis.Table:
    """The table jfk.

    Args:
        flights_source: source flights.
    """
    flights = flights_source.filter(ibis._.origin == "JFK")

    return flights.select("origin", "dep_delay")
