"""The table picked_columns.

Promoted by workbench from mutation_through_alias.py.
"""

import ibis


def picked_columns(flights: ibis.Table) -> ibis.Table:
    """The table picked_columns.

    Args:
        flights: source flights.
    """
    columns = ["origin"]
    alias = columns
    alias.append("dep_delay")

    return flights.select(columns)
