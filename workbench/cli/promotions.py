"""``workbench show``, ``gates``, ``approve``, ``reject`` and ``waive``."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import click

from workbench.cli.common import console, emit_json, json_option, words
from workbench.cli.identity import identity
from workbench.cli.map import MAP_PAGE, show_maps
from workbench.cli.options import COMMENT, form_option, page_option, rows_option
from workbench.config import Workspace, find_workspace
from workbench.errors import UsageError, quoted
from workbench.model import VersionId

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.promote.mapping import Map
    from workbench.store.records import PromotionRecord

_REFUSAL_HINT = "workbench show"


@click.command()
@click.argument("promotion", required=False)
@rows_option(5)
@click.option("--map", "mapped", is_flag=True, help="Show the notebook's cells beside the modules that were made of them.")
@page_option(MAP_PAGE)
@form_option(COMMENT)
def show(promotion: str | None, rows: int, mapped: bool, page: Path | None, form: str) -> None:
    """Show PROMOTION (P-2, or late_departures@2): who, why, gates and differences. Without it, list all promotions.

    \b
    Examples:
      workbench show
      workbench show P-2
      workbench show P-2 --map --html map.html
      workbench show orders_daily@3 --json
      workbench show P-2 --format github
    """
    from workbench.cli.endings import warn
    from workbench.render.promotion import differences_view, promotion_json, promotion_list, promotion_view

    workspace, as_json = find_workspace(), form == "json"
    if form == "github" and (promotion is None or mapped):
        raise UsageError("--format github shows one promotion", hint="workbench show P-2 --format github")
    if (mapped and promotion is None) or (page is not None and not mapped):
        raise UsageError("name the promotion whose map to show", hint="workbench show P-2 --map --html map.html")
    if promotion is None:
        found = _all(workspace)
        if as_json:
            emit_json({"promotions": [promotion_json(each) for each in found]})
        else:
            console().print(promotion_list(found))
        return
    wanted = _find(workspace, promotion)
    leaving = warn(workspace, versions=[VersionId(each.pipeline, each.version) for each in wanted.candidates])
    document = promotion_json(wanted) | {"deprecated": leaving}
    if mapped:
        only = promotion.partition("@")[0] if "@" in promotion else None
        show_maps(_maps(workspace, wanted, only), wanted.id, page, document if as_json else None)
    elif as_json:
        emit_json(document)
    elif form == "github":
        from workbench.promote.evidence import stored_sections
        from workbench.render.github import promotion_comment

        click.echo(promotion_comment(wanted, stored_sections(workspace, wanted), rows=rows), nl=False)
    else:
        console().print(promotion_view(wanted, differences_view(workspace, wanted, rows)))


@click.command()
@click.argument("promotion")
@json_option
def gates(promotion: str, as_json: bool) -> int:
    """Show every gate of PROMOTION with its evidence. Exits 1 when one refused, 3 while a person has to decide.

    \b
    Examples:
      workbench gates P-2
      workbench gates P-2 --json
    """
    from workbench.render.promotion import evidence_view, promotion_json

    wanted = _find(find_workspace(), promotion)
    if as_json:
        emit_json(promotion_json(wanted))
    else:
        console().print(evidence_view(wanted))
    return {"refused": 1, "rejected": 1, "waiting": 3}.get(wanted.status, 0)


@click.command()
@click.argument("promotion")
@click.option("--why", default="", help="A remark that is kept with the approval.")
@json_option
def approve(promotion: str, why: str, as_json: bool) -> None:
    """Approve PROMOTION. The approval is bound to the hashes of notebook, versions and data: whatever changes them undoes it.

    \b
    Examples:
      workbench approve P-2
      workbench approve P-2 --why "checked against the invoices of May"
    """
    _decide(promotion, "approve", why, as_json=as_json)


@click.command()
@click.argument("promotion")
@click.option("--why", required=True, help="Why not; the author reads it.")
@json_option
def reject(promotion: str, why: str, as_json: bool) -> None:
    """Reject PROMOTION, with a reason.

    \b
    Examples:
      workbench reject P-2 --why "returns are counted twice"
    """
    _decide(promotion, "reject", why, as_json=as_json)


@click.command()
@click.argument("promotion")
@click.argument("gate")
@click.option("--why", required=True, help="Why this failure may pass; it stands on the record.")
@json_option
def waive(promotion: str, gate: str, why: str, as_json: bool) -> None:
    """Let a failing GATE of a refused PROMOTION pass, with a reason. Authors can't waive for themselves.

    When no other gate fails, the promotion waits for approval. The proof of equality is never waived. What a shadow or a canary
    showed later, or is still to show, can be waived too (gates shadow and canary).

    \b
    Examples:
      workbench gates P-4
      workbench waive P-4 rows --why "the old shop is closed since May"
    """
    from workbench.operate.schedule import default_pipeline_toml
    from workbench.promote.waiver import waive as let_pass
    from workbench.render.promotion import promotion_json
    from workbench.store.waivers import failing

    workspace = find_workspace()
    wanted = _find(workspace, promotion)
    who, at = identity(), dt.datetime.now(dt.UTC)
    toml = default_pipeline_toml(wanted.who)
    found = let_pass(workspace, wanted, gate.lower(), who=who, why=words(why), at=at, pipeline_toml=toml)
    if as_json:
        emit_json(promotion_json(found))
        return
    left = failing(found)
    state = f"refused by {', '.join(left)} still" if left else found.status
    click.echo(f"{gate.lower()} of {found.id} is waived by {who}; it is {state}")
    if left:
        click.echo(f'next: workbench waive {found.id} {left[0]} --why "…"   (workbench gates {found.id} says why it refuses)')
    else:
        click.echo(f"next: workbench {'publish' if found.status == 'approved' else 'approve'} {found.id}")


def _decide(promotion: str, decision: str, why: str, *, as_json: bool) -> None:
    from workbench.cli.following import withdraw_closed
    from workbench.promote.approval import decide
    from workbench.promote.decided import waits_for
    from workbench.render.promotion import promotion_json

    workspace = find_workspace()
    wanted = _find(workspace, promotion)
    decided = decide(workspace, wanted, decision=decision, who=identity(), why=words(why), at=dt.datetime.now(dt.UTC))
    if decision == "reject":
        withdraw_closed(workspace, identity())
    if as_json:
        emit_json(promotion_json(decided))
        return
    named = ", ".join(f"{each.pipeline}@{each.version}" for each in decided.candidates)
    following = f"workbench publish {decided.id}" if decided.status == "approved" else "workbench show " + decided.id
    if decided.status == "approved":
        following = waits_for(decided) or following
    click.echo(f"{decided.id} is {decided.status} by {identity()}: {named}")
    click.echo(f"next: {following}")


def _maps(workspace: Workspace, promotion: PromotionRecord, only: str | None) -> list[tuple[str, Map]]:
    """The maps of the versions that a promotion made, or of one of them."""
    from workbench.promote.evidence import stored_map

    wanted = [each for each in promotion.candidates if each.new and only in (None, each.pipeline)]
    found = [(f"{each.pipeline}@{each.version}", stored_map(workspace, promotion, each)) for each in wanted]
    maps = [(title, each) for title, each in found if each is not None]
    if not maps:
        hint = f"workbench check {quoted(promotion.notebook)} --map"
        raise UsageError(f"no map was kept with {promotion.id}: it made no module that could be tried", hint=hint)
    return maps


def _all(workspace: Workspace) -> tuple[PromotionRecord, ...]:
    from workbench.store import Store

    with Store.open(workspace, read_only=True) as store:
        return tuple(reversed(store.promotions()))


def _find(workspace: Workspace, text: str) -> PromotionRecord:
    """The promotion of that id, or the one that a version came from."""
    from workbench.errors import UnknownName
    from workbench.model import VersionId
    from workbench.store import Store

    with Store.open(workspace, read_only=True) as store:
        if "@" in text:
            version = VersionId.parse(text)
            for each in reversed(store.promotions()):
                if any(c.pipeline == version.pipeline and c.version == version.number and c.new for c in each.candidates):
                    return each
            raise UsageError(f"no promotion here made {version}", hint=_REFUSAL_HINT)
        found = store.promotion(text.upper())
        if found is None:
            raise UnknownName.of("promotion", text, [each.id for each in store.promotions()], hint=_REFUSAL_HINT)
        return found
