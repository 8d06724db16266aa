"""The table worst.

Promoted by workbench from model_function.py.
"""

import ibis


def worst(late_by_origin: ibis.Table) -> ibis.Table:
    """The table worst.

    Args:
        late_by_origin: output late_by_origin of another pipeline.
    """
    rows = late_by_origin

    return rows.order_by(ibis.desc("n"), "origin").limit(1)
