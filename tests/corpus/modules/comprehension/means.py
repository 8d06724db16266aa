"""The table means.

Promoted by workbench from comprehension.py.
"""

import ibis

columns = ["dep_delay", "arr_delay"]


def means(flights: ibis.Table) -> ibis.Table:
    """The table means.

    Args:
        flights: source flights.
    """
    return flights.aggregate([flights[c].mean().name(f"mean_{c}") for c in columns])
