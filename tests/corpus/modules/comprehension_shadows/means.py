"""The table means.

Promoted by workbench from comprehension_shadows.py.
"""

import ibis

c = "origin"


def means(flights: ibis.Table) -> ibis.Table:
    """The table means.

    Args:
        flights: source flights.
    """
    return flights.group_by(c).aggregate(**{f"mean_{c}": flights[c].mean() for c in ["dep_delay", "arr_delay"]})
