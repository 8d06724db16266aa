"""The table o1.

Promoted by workbench from arguments_by_star.py.
"""

import ibis

kw = {"y": 2}


def sel(t, *cols, **kw):
    kw["x"] = 1
    return t.select(*cols).mutate(**kw)


def o1(flights: ibis.Table) -> ibis.Table:
    """The table o1.

    Args:
        flights: source flights.
    """
    args = ["day"]
    args += ["origin"]

    return sel(flights, *args, **kw)
