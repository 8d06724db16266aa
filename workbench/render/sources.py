"""Proposed sources as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.sandbox.discover import Proposal


def proposal_json(proposal: Proposal) -> dict[str, Any]:
    plain = asdict(proposal)
    masks = {column: {"rule": rule, "why": proposal.reasons[column]} for column, rule in proposal.masks.items()}
    return {name: plain[name] for name in plain if name not in ("masks", "reasons")} | {"mask": masks}
