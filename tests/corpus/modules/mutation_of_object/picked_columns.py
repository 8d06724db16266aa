"""The table picked_columns.

Promoted by workbench from mutation_of_object.py.
"""

import ibis


class Picked:
    def __init__(self):
        self.names = ["origin"]

    def take(self, name):
        self.names.append(name)
        return self

    def count(self):
        return len(self.names)


def picked_columns(flights: ibis.Table) -> ibis.Table:
    """The table picked_columns.

    Args:
        flights: source flights.
    """
    picked = Picked()
    picked.take("dep_delay")
    picked.names.append("arr_delay")

    return flights.select(picked.names)
