"""The table late.

Promoted by workbench from ibis_alias_only.py.
"""

import ibis as ib


def late(flights: ib.Table) -> ib.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    return flights.filter(ib._.dep_delay > 15)
