"""Approval: a person's decision, bound to the hashes of what was looked at."""

from __future__ import annotations

import datetime as dt
import hashlib

from workbench.catalog.owner import approvers, owner
from workbench.catalog.version import changed_files, version_dir
from workbench.config import Workspace
from workbench.errors import GuardRefused, UsageError, WorkbenchError, quoted
from workbench.model import VersionId
from workbench.store import Store
from workbench.store.records import PromotionRecord, promotion_digest


def decide(
    workspace: Workspace, promotion: PromotionRecord, *, decision: str, who: str, why: str, at: dt.datetime
) -> PromotionRecord:
    """Approve or reject a promotion that waits, and return it as it is then.

    Approving twice changes nothing; authors may reject their own promotions. Raises ``GuardRefused`` for somebody who may not
    approve, and for a promotion that a gate refused or whose notebook or version was changed since, ``WorkbenchError`` for one
    that is no longer open, ``UsageError`` for a rejection without a reason.
    """
    if decision == "reject" and not why.strip():
        raise UsageError("a rejection needs a reason", hint=f'workbench reject {promotion.id} --why "…"')
    with Store.open(workspace) as store:
        current = store.promotion(promotion.id) or promotion
        if decision == "approve" and current.status in ("approved", "published"):
            return current
        if current.status == "refused":
            raise GuardRefused(
                f"{current.id} was refused by a gate and can't be approved", hint=f"workbench gates {current.id}"
            )
        if current.status not in ("waiting", "approved"):
            later = _superseding(store, current)
            said = f"{current.id} is {current.status}{f' by {later}' if later else ''}"
            raise WorkbenchError(f"{said}; there is nothing to decide", hint=f"workbench show {later or current.id}")
        if decision == "approve":
            refuse_approver(workspace, current, who, command=f"workbench approve {current.id}")
            refuse_changes(workspace, store, current, notebook=True)
        store.add_approval(current.id, who=who, at=at, digest=current.digest, decision=decision, why=why)
        return store.promotion(current.id) or current


def _superseding(store: Store, promotion: PromotionRecord) -> str:
    """The promotion that took the place of a superseded one; "" of one that is not superseded."""
    if promotion.status != "superseded":
        return ""
    pipelines = {each.pipeline for each in promotion.candidates if each.new}
    later = store.promotions()
    after = later[[each.id for each in later].index(promotion.id) + 1 :]
    taken = (each.id for each in after if any(one.new and one.pipeline in pipelines for one in each.candidates))
    return next(taken, "")


def refuse_waiver(workspace: Workspace, promotion: PromotionRecord, gate: str, who: str) -> None:
    """``GuardRefused`` when somebody may not waive a gate: authors never for themselves, others when they may not approve."""
    command = f'workbench waive {promotion.id} {gate} --why "…"'
    if who.casefold() == promotion.who.casefold():
        raise GuardRefused(
            f"{promotion.id} was made by {promotion.who}, and authors waive nothing for themselves",
            hint=f"ask somebody else to type: {command}"
            "\n(or change what the gate asks for under [tool.workbench.gates] in pyproject.toml, and promote again)",
        )
    refuse_approver(workspace, promotion, who, command=command)


def refuse_approver(workspace: Workspace, promotion: PromotionRecord, who: str, *, command: str) -> None:
    """``GuardRefused`` when somebody may not approve this promotion; says who may type ``command``.

    A recomputed pipeline, whose code is unchanged, is its readers' matter but nobody's decision: it is not asked for.
    """
    rules = workspace.settings.approval
    if not rules.self_approval and who.casefold() == promotion.who.casefold():
        raise GuardRefused(
            f"{promotion.id} was made by {promotion.who}, and authors don't approve their own promotions",
            hint=f"ask somebody else to type: {command}"
            "\n(a workspace of one person sets self_approval = true under [tool.workbench.approval] in pyproject.toml)",
        )
    for candidate in promotion.candidates:
        if not candidate.new:
            continue
        owned = owner(workspace, candidate.pipeline)
        may = approvers(rules, candidate.pipeline, owned)
        if may is not None and who.casefold() not in may:
            others = sorted(may - {promotion.who.casefold()} if not rules.self_approval else may)
            left = _if_left(owned if owned.casefold() in may else "", candidate.pipeline)
            if not others:
                why = f"only {promotion.who} could, who made it" if may else "no name stands for it"
                raise GuardRefused(
                    f"nobody may approve {candidate.pipeline}: {why}",
                    hint="name others in tool.workbench.approval.approvers in pyproject.toml, then ask one of them to type: "
                    + command
                    + left,
                )
            raise GuardRefused(
                f"{who} may not approve {candidate.pipeline}; who may: {', '.join(others)}",
                hint=f"ask one of them to type: {command}{left}",
            )


def _if_left(owned: str, pipeline: str) -> str:
    return f"\n(if {owned} has left, name another owner in promoted/{pipeline}/pipeline.toml)" if owned else ""


def refuse_changes(workspace: Workspace, store: Store, promotion: PromotionRecord, *, notebook: bool) -> None:
    """``GuardRefused`` when a version, or with ``notebook`` the notebook, is not what was promoted; names the file."""
    if promotion.digest != promotion_digest(promotion.notebook_sha256, promotion.candidates):
        raise GuardRefused(f"the record of {promotion.id} was changed after it was made", hint="workbench doctor")
    for candidate in promotion.candidates:
        version = VersionId(candidate.pipeline, candidate.version)
        folder = version_dir(workspace, version)
        record = store.version(version)
        wrong = changed_files(workspace, version, expected_manifest=record.manifest_sha256 if record else "unknown")
        if wrong:
            raise GuardRefused(
                f"{folder.relative_to(workspace.root) / wrong[0]} was changed after {promotion.id} was made",
                hint=f"git checkout {folder.relative_to(workspace.root)}, or promote the notebook again",
            )
    if notebook:
        refuse_changed_notebook(workspace, promotion)


def refuse_changed_notebook(workspace: Workspace, promotion: PromotionRecord) -> None:
    """``GuardRefused`` when the notebook is not what was promoted."""
    file = workspace.root / promotion.notebook
    if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != promotion.notebook_sha256:
        raise GuardRefused(
            f"{promotion.notebook} was changed after {promotion.id} was made",
            hint=f'workbench promote {quoted(promotion.notebook)} --why "…"',
        )
