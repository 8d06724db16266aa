"""How a contract wants its data written: what may be declared, and the rules that the warehouse then keeps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import UsageError
from workbench.model import STRATEGIES, Check, OutputMark
from workbench.settings import parse_duration

if TYPE_CHECKING:
    from workbench.catalog.contract import Contract
    from workbench.runtime.merge import Rules


def problem_of(mark: OutputMark) -> str:
    """What is wrong with how a mark wants its data written; "" when nothing is.

    >>> problem_of(OutputMark("daily", strategy="upsert"))
    'strategy="upsert" needs key=, the columns by which rows are told apart'
    """
    if mark.strategy not in STRATEGIES:
        return f"strategy= is {mark.strategy!r}, none of {', '.join(STRATEGIES)}"
    if mark.strategy != "replace" and not mark.key:
        return f'strategy="{mark.strategy}" needs key=, the columns by which rows are told apart'
    if mark.allowed_lateness is None:
        return ""
    if mark.partition_by is None:
        return "allowed_lateness= needs partition_by=, the column that says when a row happened"
    try:
        parse_duration(mark.allowed_lateness)
    except (UsageError, AttributeError):
        return f'allowed_lateness= is {mark.allowed_lateness!r}, no duration such as "3d" or "12h"'
    return ""


def held_back(contract: Contract) -> tuple[Check, ...]:
    """The checks whose breaking rows go to quarantine."""
    return tuple(check for check in contract.checks if check.on_failure == "quarantine")


def is_hard(check: Check) -> bool:
    """Whether staged data that breaks a check is never published. Rows may be unique by themselves and not beside others."""
    return check.on_failure == "fail" or check.rule == "unique"


def rules_of(contract: Contract, released: Sequence[Path] = ()) -> Rules:
    """The rules by which a run writes; rows of the files ``released`` are let through whatever they break."""
    from workbench.runtime.merge import Rules

    late = contract.allowed_lateness
    lateness = dt.timedelta(seconds=0 if late is None else parse_duration(late))
    return Rules(contract.strategy, lateness, held_back(contract), tuple(released))
