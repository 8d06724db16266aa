"""The table picked_columns.

Promoted by workbench from mutation_same_cell.py.
"""

import ibis


def picked_columns(flights: ibis.Table) -> ibis.Table:
    """The table picked_columns.

    Args:
        flights: source flights.
    """
    columns = ["origin"]
    columns.append("dep_delay")
    columns += ["arr_delay"]
    names = {"a": "origin"}
    names["b"] = "month"
    del names["a"]

    return flights.select(*columns, *names.values(), "carrier").distinct()
