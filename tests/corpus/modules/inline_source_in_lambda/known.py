"""The table known.

Promoted by workbench from inline_source_in_lambda.py.
"""

import ibis


def known(flights_source: ibis.Table, planes: ibis.Table) -> ibis.Table:
    """The table known.

    Args:
        flights_source: source flights.
        planes: source planes.
    """
    rows = flights_source.filter(lambda flights: flights.tailnum.isin(planes.tailnum))

    return rows
