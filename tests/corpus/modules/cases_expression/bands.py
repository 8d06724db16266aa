"""The table bands.

Promoted by workbench from cases_expression.py.
"""

import ibis


def bands(flights: ibis.Table) -> ibis.Table:
    """The table bands.

    Args:
        flights: source flights.
    """
    band = ibis.cases((flights.dep_delay < 0, "early"), (flights.dep_delay > 15, "late"), else_="on time")

    return flights.group_by(band=band).aggregate(n=flights.count())
