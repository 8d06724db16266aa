"""Departures of each month and airport, and how many of them were late.

## Months

The same by month, for those who plan. It reads `late_departures`, so both always agree.

Promoted by workbench from notebooks/departure_delays.py.
"""

import ibis


def monthly_lateness(late_departures: ibis.Table) -> ibis.Table:
    """Departures of each month and airport, and how many of them were late.

    Args:
        late_departures: output late_departures of another pipeline.
    """
    by_month = (
        late_departures.mutate(month=late_departures.day.truncate("M"))
        .group_by("month", "origin")
        .agg(departures=ibis._.departures.sum(), late=ibis._.late.sum())
    )
    return by_month.mutate(rate=ibis._.late / ibis._.departures.nullif(0))
