"""The table late_by_origin.

Promoted by workbench from two_outputs.py.
"""

import ibis


def late_by_origin(late: ibis.Table) -> ibis.Table:
    """The table late_by_origin.

    Args:
        late: output late of another pipeline.
    """
    return late.group_by("origin").aggregate(n=late.count())
