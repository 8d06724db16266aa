"""The table step_b.

Promoted by workbench from output_chain_of_three.py.
"""

import ibis


def step_b(step_a: ibis.Table) -> ibis.Table:
    """The table step_b.

    Args:
        step_a: output step_a of another pipeline.
    """
    a = step_a

    return a.filter(a.dep_delay > 0)
