"""The table o1.

Promoted by workbench from match_captures_rest.py.
"""

import ibis

conf = {"kind": "late", "n": 30, "more": 1}


def o1(flights: ibis.Table) -> ibis.Table:
    """The table o1.

    Args:
        flights: source flights.
    """
    match conf:
        case {"kind": "late", "n": int(limit), **rest}:
            pass
        case _:
            limit = 0

    return flights.filter(flights.dep_delay > limit).mutate(k=len(rest))
