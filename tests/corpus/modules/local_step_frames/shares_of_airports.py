"""The table shares_of_airports.

Promoted by workbench from local_step_frames.py.
"""

import ibis
from workbench import local


@local(schema={"origin": "string", "legs": "int64", "share": "decimal(9, 4)"}, frames="polars")
def shares(rows):
    import polars as pl

    counted = rows.group_by("origin").agg(legs=pl.len().cast(pl.Int64)).sort("origin")
    return counted.with_columns(share=(pl.col("legs") / pl.col("legs").sum()).round(4))


def shares_of_airports(flights_source: ibis.Table, planes_source: ibis.Table) -> ibis.Table:
    """The table shares_of_airports.

    Args:
        flights_source: source flights.
        planes_source: source planes.
    """
    flights, planes = flights_source, planes_source

    return shares(flights.filter(flights.dep_delay.notnull()))
