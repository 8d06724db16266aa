"""``workbench sandbox``: make, list, choose, reset and remove sandboxes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from workbench.cli.common import console, emit_json, json_option
from workbench.cli.identity import identity
from workbench.cli.options import page_option
from workbench.cli.progress import steps
from workbench.config import Workspace, find_workspace
from workbench.errors import UsageError, quoted
from workbench.sandbox import registry


@click.group()
def sandbox() -> None:
    """Make, list, reset and remove sampled and masked sandboxes."""


@sandbox.command()
@click.option("--sample", metavar="SHARE", help="Share of the anchors, as 2%.  [default: of pyproject.toml, else 1%]")
@click.option("--seed", type=int, help="Equal seeds and data give equal rows.  [default: of pyproject.toml, else 7]")
@click.option("--ttl", metavar="DURATION", help="How long it lives, as 14d.  [default: of pyproject.toml, else 14d]")
@click.option("--anchor", "anchors", multiple=True, metavar="SOURCE", help="Choose rows of this source; others follow.")
@click.option("--where", default="", metavar="SQL", help="Only anchors that meet a condition, for example 'month >= 6'.")
@click.option("--strata", multiple=True, metavar="COLUMN", help="Columns of the anchors whose every value keeps --floor rows.")
@click.option("--floor", type=click.IntRange(min=0), default=0, help="Rows that each stratum keeps at least.")
@click.option("--max-rows", type=click.IntRange(min=1), default=5_000_000, show_default=True, help="Refuse a larger sandbox.")
@json_option
def create(
    sample: str | None, seed: int | None, ttl: str | None, anchors: tuple[str, ...], where: str, strata: tuple[str, ...],
    floor: int, max_rows: int, as_json: bool,
) -> int:  # fmt: skip
    """Make a sampled, masked copy of the sources, in which joins keep matching. Production is only read.

    Exits 4 when a column looks personal and has no rule yet, or when the sandbox would be larger than --max-rows.

    \b
    Examples:
      workbench sandbox create --sample 2% --seed 7
      workbench sandbox create --anchor customers --ttl 3d
      workbench sandbox create --where "month >= 6" --strata origin --floor 50
    """
    from workbench.render.sandbox import estimate_line
    from workbench.sandbox.create import Request
    from workbench.sandbox.create import create as make

    workspace = find_workspace()
    request = Request(sample, seed, ttl, anchors, where, strata, floor, max_rows, identity())
    before = {info.id for info in registry.ls(workspace)}
    with steps() as tell:
        info = make(
            workspace,
            request,
            tell=tell,
            show=lambda guess: click.echo(estimate_line(guess), err=True),
            record=_recorder(workspace),
        )
    _show(workspace, info, as_json)
    if as_json:
        return 0
    if info.id in before:
        click.echo(f"{info.id} was there already, made of the same data; it only lives longer", err=True)
    active = registry.pin(workspace) or _active(workspace)
    if active not in (None, info.id):
        click.echo(f"notebooks still read {active}; next: workbench sandbox use {info.id}", err=True)
    else:
        first = min((file.name for file in (workspace.root / "notebooks").glob("*.py")), default="first.py")
        click.echo(f"next: workbench edit {quoted(f'notebooks/{first}')}", err=True)
    return 0


@sandbox.command()
@json_option
def ls(as_json: bool) -> int:
    """List sandboxes, newest first; * marks the one that notebooks read.

    \b
    Examples:
      workbench sandbox ls
      workbench sandbox ls --json
    """
    from workbench.render.sandbox import list_view, sandbox_json

    workspace = find_workspace()
    infos, now, active = registry.ls(workspace), registry.utc_now(), _active(workspace)
    if as_json:
        emit_json({"sandboxes": [sandbox_json(info, now, active) for info in infos]})
    elif infos:
        console().print(list_view(infos, now, active), soft_wrap=True)
    else:
        click.echo("no sandbox yet; next: workbench sandbox create")
    return 0


@sandbox.command()
@click.argument("sandbox_id", required=False)
@click.option("--newest", is_flag=True, help="Go back to the newest one.")
@json_option
def use(sandbox_id: str | None, newest: bool, as_json: bool) -> int:
    """Let notebooks read another sandbox than the newest.

    \b
    Examples:
      workbench sandbox use s3f1
      workbench sandbox use --newest
    """
    if newest == bool(sandbox_id):
        raise UsageError("give either the id of a sandbox or --newest", hint="workbench sandbox ls")
    workspace = find_workspace()
    registry.use(workspace, sandbox_id)
    active = _active(workspace)
    if as_json:
        emit_json({"active": active})
    else:
        click.echo(f"notebooks read {active}" if active else "there is no sandbox to read; next: workbench sandbox create")
    return 0


@sandbox.command()
@click.argument("sandbox_id", required=False)
@click.option("--threshold", type=click.FloatRange(0, 1), help="Distance beyond noise that is too much.  [default: 0.05]")
@click.option("--by", default="", metavar="COLUMN", help="Tell counts and means apart by this column, too.")
@page_option("Write the report with its plots to FILE.")
@json_option
def parity(sandbox_id: str | None, threshold: float | None, by: str, page: Path | None, as_json: bool) -> int:
    """Say how representative a sandbox is: its columns, joins and figures beside production's, which is read for it.

    Exits 1 when a sampled column differs from production by more than sampling noise and the threshold explain.

    \b
    Examples:
      workbench sandbox parity
      workbench sandbox parity --by origin --html parity.html
    """
    from workbench.render.parity import parity_json, parity_view
    from workbench.render.parity_page import html
    from workbench.sandbox.parity import judge

    workspace = find_workspace()
    info = registry.find(workspace, sandbox_id) if sandbox_id else registry.active(workspace)
    limit = workspace.settings.sandbox.parity_threshold if threshold is None else threshold
    with steps() as tell:
        report = judge(workspace, info, limit, by, tell)
    if page is not None:
        from workbench.runtime.files import write_atomic

        write_atomic(page, html(report))
    if as_json:
        emit_json(parity_json(report) | ({"html": str(page)} if page else {}))
    else:
        console().print(parity_view(report), soft_wrap=True)
        if page is not None:
            click.echo(f"written to {page}")
    return 0 if report.ok else 1


@sandbox.command()
@click.argument("sandbox_id", required=False)
@json_option
def reset(sandbox_id: str | None, as_json: bool) -> int:
    """Make a sandbox anew out of production as it is now, with the same options, in place of the old one.

    Without SANDBOX_ID the one that notebooks read, or the newest when that has expired.

    \b
    Examples:
      workbench sandbox reset
      workbench sandbox reset s3f1
    """
    return _again(sandbox_id, as_json, reuse=False)


@sandbox.command()
@click.argument("sandbox_id", required=False)
@json_option
def refresh(sandbox_id: str | None, as_json: bool) -> int:
    """Bring a sandbox up to date with production: like reset, but tables that no change reaches are copied from the old one.

    The rows are those that a reset would give. Without WORKBENCH_MASK_KEY or mask_key, or when settings or columns changed, all
    tables are made anew, since tokens of two keys would not join.

    \b
    Examples:
      workbench sandbox refresh
      workbench sandbox refresh s3f1 --json
    """
    return _again(sandbox_id, as_json, reuse=True)


@sandbox.command()
@click.argument("sandbox_ids", nargs=-1, metavar="[SANDBOX_ID]...")
@click.option("--all", "everything", is_flag=True, help="Remove all sandboxes, also those that have not expired.")
@json_option
def gc(sandbox_ids: tuple[str, ...], everything: bool, as_json: bool) -> int:
    """Remove expired sandboxes and what interrupted creations left; or only those that are named.

    \b
    Examples:
      workbench sandbox gc
      workbench sandbox gc s3f1
      workbench sandbox gc --all
    """
    workspace = find_workspace()
    if sandbox_ids and everything:
        raise UsageError("--all removes every sandbox; name none", hint="workbench sandbox gc --all")
    if sandbox_ids:
        named = {info.id: info for info in (registry.find(workspace, each) for each in sandbox_ids)}
        for info in named.values():
            registry.remove(workspace, info)
        gone, why = tuple(named), "somebody named it"
    else:
        gone = registry.gc(workspace, everything=everything)
        why = "all were removed" if everything else "it had expired, or was left by something interrupted"
    _removed(workspace, gone, why)
    if as_json:
        emit_json({"removed": list(gone)})
    else:
        click.echo(f"removed {', '.join(gone)}" if gone else "nothing to remove")
    return 0


def _again(sandbox_id: str | None, as_json: bool, *, reuse: bool) -> int:
    from workbench.sandbox.create import recreate

    workspace = find_workspace()
    known = registry.ls(workspace)
    if not known:
        raise UsageError("this workspace has no sandbox yet", hint=registry.CREATE)
    old = registry.find(workspace, sandbox_id or _active(workspace) or known[0].id)
    with steps() as tell:
        info = recreate(workspace, old, identity(), tell=tell, reuse=reuse, record=_recorder(workspace))
    if info.id != old.id:
        _removed(workspace, [old.id], f"{info.id} took its place")
    _show(workspace, info, as_json, replaced=old.id)
    if info.id == old.id and not as_json:
        click.echo("production is as it was; the sandbox only lives longer", err=True)
    return 0


def _recorder(workspace: Workspace) -> Callable[[registry.SandboxInfo, bool], None]:
    """What writes a sandbox to the ledger before it can be used."""
    from workbench.sandbox.recorded import made

    who = identity()
    return lambda info, new: made(workspace, info, new=new, who=who, at=registry.utc_now())


def _removed(workspace: Workspace, gone: Sequence[str], why: str) -> None:
    """Write to the ledger what went; say so where that can't be done."""
    from workbench.sandbox.recorded import removed

    complaint = removed(workspace, gone, who=identity(), at=registry.utc_now(), why=why)
    if complaint:
        click.echo(f"warning: {complaint}", err=True)


def _show(workspace: Workspace, info: registry.SandboxInfo, as_json: bool, **more: Any) -> None:
    from workbench.render.sandbox import created_view, sandbox_json
    from workbench.render.scan import anonymity_json
    from workbench.sandbox.scan import sandbox_anonymity

    now = registry.utc_now()
    alike = sandbox_anonymity(info, workspace.settings.sources)
    if as_json:
        emit_json(sandbox_json(info, now, _active(workspace)) | {"anonymity": anonymity_json(alike)} | more)
    else:
        console().print(created_view(info, now, alike), soft_wrap=True)


def _active(workspace: Workspace) -> str | None:
    try:
        return registry.active(workspace).id
    except UsageError:
        return None
