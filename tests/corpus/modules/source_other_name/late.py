"""The table late.

Promoted by workbench from source_other_name.py.
"""

import ibis


def late(flights: ibis.Table) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    f = flights

    return f.filter(f.dep_delay > 15)
