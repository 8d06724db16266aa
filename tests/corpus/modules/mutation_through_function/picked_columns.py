"""The table picked_columns.

Promoted by workbench from mutation_through_function.py.
"""

import ibis


def add(names, name):
    names.append(name)


def picked_columns(flights: ibis.Table) -> ibis.Table:
    """The table picked_columns.

    Args:
        flights: source flights.
    """
    columns = ["origin"]
    add(columns, "dep_delay")

    return flights.select(columns)
