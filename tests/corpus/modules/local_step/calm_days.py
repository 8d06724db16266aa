"""The table calm_days.

Promoted by workbench from local_step.py.
"""

import ibis
import pandas as pd
import workbench as wb

SMOOTHED = ["dep_delay"]


def rolled(frame, days):
    # Each day is the mean of the days before it.
    return frame.rolling(days, min_periods=1).mean().round(6)


@wb.local(schema={"day": "date", "origin": "string", "smooth": "float64"}, max_rows=10_000)
def smooth(daily: pd.DataFrame, days: int) -> pd.DataFrame:
    """A rolling mean for each airport."""
    daily = daily.sort_values(["origin", "day"]).copy()
    daily["smooth"] = daily.groupby("origin")[SMOOTHED[0]].transform(rolled, days=days)
    return daily[["day", "origin", "smooth"]]


def calm_days(flights: ibis.Table, *, back: int = 3) -> ibis.Table:
    """The table calm_days.

    Args:
        flights: source flights.
        back: days to look back; an int from 1 to 7.
    """
    daily = flights.group_by("day", "origin").agg(dep_delay=flights.dep_delay.mean())

    return smooth(daily, days=back).filter(ibis._.smooth < 100)
