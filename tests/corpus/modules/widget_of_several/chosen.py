"""The table chosen.

Promoted by workbench from widget_of_several.py.
"""

import ibis


def chosen(
    flights: ibis.Table,
    *,
    carriers: list[str] = ["AA", "UA"],
    months: list[int] = [2],
    airports: list[str] = ["JFK"],
    none: list[str] = [],
) -> ibis.Table:
    """The table chosen.

    Args:
        flights: source flights.
        carriers: carriers that count; a list; each item one of 'UA', 'AA', 'B6'.
        months: a list; each item one of 1, 2, 3.
        airports: a list; each item one of 'JFK', 'LGA'.
        none: a list; each item one of 'x', 'y'.
    """
    rows = flights.filter(flights.month.isin(months))
    rows = rows.filter(rows.carrier.isin(carriers), ~rows.origin.isin(airports))
    return rows.mutate(first=ibis.literal("".join([*carriers, *none])))
