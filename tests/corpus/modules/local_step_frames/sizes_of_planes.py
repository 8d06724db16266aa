"""The table sizes_of_planes.

Promoted by workbench from local_step_frames.py.
"""

import ibis
from workbench import local


class Pivot:
    """Helps the step below alone."""

    def __init__(self, table):
        self.rows = table.to_pylist()

    def by(self, name):
        found = {}
        for row in self.rows:
            found[row[name]] = found.get(row[name], 0) + 1
        return found


@local(schema={"seats": "int64", "planes": "int64"}, frames="pyarrow")
def sizes(table, other):
    import pyarrow as pa

    counted = Pivot(table).by("seats")
    kept = {key: value for key, value in counted.items() if key is not None and key <= other.num_rows}
    return pa.table({"seats": list(kept), "planes": list(kept.values())})


def sizes_of_planes(flights_source: ibis.Table, planes_source: ibis.Table) -> ibis.Table:
    """The table sizes_of_planes.

    Args:
        flights_source: source flights.
        planes_source: source planes.
    """
    flights, planes = flights_source, planes_source

    return sizes(planes, other=flights)
