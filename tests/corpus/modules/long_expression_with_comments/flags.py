"""The table flags.

Promoted by workbench from long_expression_with_comments.py.
"""

import ibis


def flags(flights: ibis.Table, planes: ibis.Table) -> ibis.Table:
    """The table flags.

    Args:
        flights: source flights.
        planes: source planes.
    """
    # join first: planes without flights do not count
    joined = (
        flights.join(planes, "tailnum", how="left")  # keep flights without a plane
        # then the flags
        .mutate(
            late=lambda t: t.dep_delay > 15,
            big=lambda t: t.seats > 200,  # wide bodies
        )
    )

    # two keys
    return (
        joined.group_by("origin", "late")
        # count all of them
        .aggregate(n=joined.count())
    )
