"""The table step_c.

Promoted by workbench from output_chain_of_three.py.
"""

import ibis


def step_c(step_a: ibis.Table, step_b: ibis.Table) -> ibis.Table:
    """The table step_c.

    Args:
        step_a: output step_a of another pipeline.
        step_b: output step_b of another pipeline.
    """
    a = step_a

    b = step_b

    return a.count().as_table().cross_join(b.aggregate(late=b.count()))
