"""The table chosen.

Promoted by workbench from widget_constants.py.
"""

import ibis
import workbench as wb


def chosen(
    flights: ibis.Table, *, origin: str = "JFK", carrier: str = "UA", month: int = 3, letter: str = "N", delay: int = 15
) -> ibis.Table:
    """The table chosen.

    Args:
        flights: source flights.
        origin: airport; one of 'JFK', 'LGA'.
        carrier: airline; one of 'AA', 'DL', 'UA'.
        month: month; one of 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12.
        letter: first letter of the tail number; one of 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z'.
        delay: minutes; an int from 5 to 60.
    """
    rows = wb.sql(
        f"SELECT * FROM flights WHERE tailnum LIKE '{letter}%' AND month >= {month} AND origin = '{origin}'",
        flights=flights,
    )

    return rows.filter(ibis._.carrier == carrier, ibis._.dep_delay > delay)
