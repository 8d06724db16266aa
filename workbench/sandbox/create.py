"""Making a sandbox: plan, estimate, sample, mask, and one rename at the end. Until then nothing of it is to be seen."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from workbench.config import Source, Workspace, parse_duration, parse_share
from workbench.errors import GuardRefused, UsageError, WorkbenchError
from workbench.runtime import files
from workbench.runtime.duck import reported
from workbench.runtime.failpoint import reached
from workbench.sandbox import mask, refresh, registry, undecided
from workbench.sandbox.anchors import Anchors, check_rows, keyless, survey_anchors
from workbench.sandbox.chains import chains
from workbench.sandbox.graph import Link, Role, Step, estimate, links, plan_roles
from workbench.sandbox.hashing import Recipe
from workbench.sandbox.masked import Writing
from workbench.sandbox.production import Production, check_columns, followable, left_out, reading
from workbench.sandbox.refresh import Reuse, same_columns
from workbench.sandbox.registry import OrphanCount, SandboxInfo, TableInfo
from workbench.sandbox.sample import CORE, Sampling
from workbench.sandbox.survey import check_keys

MAX_ROWS = 5_000_000
FEW = 500_000  # rows of a sample up to which a second thread costs more processor time than it saves


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asked for; None and empty mean what ``[tool.workbench.sandbox]`` says."""

    sample: str | None = None
    seed: int | None = None
    ttl: str | None = None
    anchors: tuple[str, ...] = ()
    where: str = ""
    strata: tuple[str, ...] = ()
    floor: int = 0
    max_rows: int = MAX_ROWS
    who: str = ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a creation will read and make: rows and bytes of production, and rows of each table of the sandbox.

    ``left`` has for each anchor that ``--where`` is about how many of its rows meet it, and how many there are.
    """

    rows_read: int
    bytes_read: int
    rows: dict[str, int]
    left: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.rows.values())


def create(
    workspace: Workspace,
    request: Request | None = None,
    *,
    now: dt.datetime | None = None,
    tell: Callable[[str], None] = lambda _: None,
    show: Callable[[Estimate], None] = lambda _: None,
    base: SandboxInfo | None = None,
    record: Callable[[SandboxInfo, bool], None] = lambda *_: None,
) -> SandboxInfo:
    """Make a sandbox and return what is known of it; equal content of a sandbox that is there already is not made again.

    ``tell`` is told each step, ``show`` what will be read, before it is read. Tables of ``base``, a sandbox made with the same
    request, are copied as far as production's changes leave them as they were. ``record`` is told of the sandbox, and whether
    it is a new one, before anybody can use it; when it raises, there is none. Raises ``ConfigError`` for declarations that do
    not fit the data, ``GuardRefused`` for undecided personal data and above the cap of rows.
    """
    request = request or Request()
    settings = workspace.settings
    if not settings.sources:
        raise UsageError("this workspace declares no source to sample", hint="workbench sources discover --write")
    sample = request.sample or settings.sandbox.sample
    seed = settings.sandbox.seed if request.seed is None else request.seed
    if request.floor < 0 or (request.strata and not request.floor):
        raise UsageError(
            "--strata needs a --floor of at least 1: how many rows each stratum keeps",
            hint="for example --strata origin --floor 50",
        )
    where, strata, floor = request.where, request.strata, request.floor
    recipe = Recipe(parse_share(sample), seed, sample, where, strata, floor, request.max_rows, request.anchors)
    now = now or registry.utc_now()
    expires = _end(now, request.ttl or settings.sandbox.ttl)
    all_links = links(settings.sources)
    rules = mask.decide(settings.sources, all_links)
    key = mask.Key.find(settings.sandbox.mask_key)
    with reported("sandbox"), files.working_folder(workspace.sandboxes) as work:
        with reading(workspace, work / "spill", tell) as production:
            undecided.refuse_names(settings.sources, production, rules)
            check_columns(settings.sources, production, all_links)
            sources = followable(settings.sources, production)
            all_links = links(sources)
            steps = plan_roles(sources, production.rows, request.anchors)
            check_rows(production, request.anchors)
            _check_strata(request, steps, production)
            identity = _identity(sources, production.digests, recipe, steps, key)
            there = registry.read(workspace.sandboxes / identity)
            if there is not None:
                there = replace(there, expires=max(expires, there.expires))
                record(there, False)
                registry.write(there)
                return there
            anchors = survey_anchors(production, steps, recipe)
            _guard(production, steps, all_links, recipe, anchors, show)
            reuse = None
            if base is not None and base.id == _identity(sources, base.snapshot, recipe, steps, key):
                changed = [name for name, digest in production.digests.items() if base.snapshot[name] != digest]
                reuse = refresh.plan(base, changed, steps, all_links) if same_columns(production, base, changed) else None
            sampling = _sampling(sources, production, all_links, steps, recipe, anchors, tell, reuse)
            check_keys(sampling.sources, production, tell)
            sampling.take()
            if sum(sampling.taken.values()) <= FEW:
                production.con.execute("SET threads = 1")
            tell("looking for personal data")
            undecided.refuse_values(sampling, rules)
            notes = (*_notes(rules, key), *keyless(production, sources, steps), *left_out(settings.sources, sources))
            file = workspace.sandboxes / identity / f"{identity}.duckdb"
            info = SandboxInfo(
                identity, file, sample, recipe.share, seed, now, expires, request.who,
                tuple(step.source for step in steps if step.role is Role.ANCHOR), request.where, request.strata, request.floor,
                production.digests, _tables(sampling, rules), notes, reuse.copied if reuse else (),
            )  # fmt: skip
            built = files.make_folder(work / identity)
            made = built / info.path.name
            if reuse is None:
                Writing(sampling, rules, key, tell).write(made)
            else:
                Writing(sampling, rules, key, tell, reuse.copied, reuse.base.path).write(made)
                info = replace(info, tables=refresh.merged(reuse, info.tables, production, str(made)))
        registry.write(replace(info, path=built / info.path.name))
        (built / info.path.name).chmod(0o600)
        files.sync_tree(built)
        record(info, True)
        reached("after_sandbox_recorded")
        _move(built, info)
    return info


def recreate(
    workspace: Workspace,
    info: SandboxInfo,
    who: str,
    *,
    tell: Callable[[str], None] = lambda _: None,
    max_rows: int = MAX_ROWS,
    reuse: bool = False,
    record: Callable[[SandboxInfo, bool], None] = lambda *_: None,
) -> SandboxInfo:
    """The same sandbox out of production as it is now; the one before goes when the new one is there.

    With ``reuse`` tables are copied from it, as far as production's changes leave them as they were.
    """
    seconds = int((info.expires - info.created).total_seconds())
    made = create(
        workspace,
        Request(info.sample, info.seed, f"{seconds}s", info.anchors, info.where, info.strata, info.floor, max_rows, who),
        tell=tell,
        base=info if reuse else None,
        record=record,
    )
    if made.id != info.id:
        pinned = registry.pin(workspace) == info.id
        registry.remove(workspace, info)
        if pinned:
            registry.use(workspace, made.id)
    return made


def _sampling(
    sources: Mapping[str, Source], production: Production, all_links: Sequence[Link], steps: Sequence[Step], recipe: Recipe,
    anchors: Anchors, tell: Callable[[str], None], reuse: Reuse | None,
) -> Sampling:  # fmt: skip
    """The sampling of all sources, or of those that a refresh needs."""
    if reuse is None:
        return Sampling(production, sources, all_links, steps, recipe, tell, anchors.left)
    chosen = {name: source for name, source in sources.items() if name in reuse.staged}
    within = [link for link in all_links if {link.child, link.parent} <= chosen.keys()]
    staged = [step for step in steps if step.source in chosen]
    return Sampling(production, chosen, within, staged, recipe, tell, anchors.left)


def _end(now: dt.datetime, ttl: str) -> dt.datetime:
    """The moment at which a sandbox that is made now is over."""
    seconds = parse_duration(ttl)
    try:
        if seconds:
            return now + dt.timedelta(seconds=seconds)
    except OverflowError:
        pass
    raise UsageError(f"{ttl!r} is no time that a sandbox can live", hint="for example --ttl 14d")


def _move(built: Path, info: SandboxInfo) -> None:
    """Show the finished sandbox; a broken folder of the same id makes room."""
    final = info.path.parent
    if final.exists():
        final.rename(built.parent / "broken")
    built.rename(final)
    files.sync_tree(final.parent, deep=False)


def _check_strata(request: Request, steps: Sequence[Step], production: Production) -> None:
    anchors = [step.source for step in steps if step.role is Role.ANCHOR]
    for column in request.strata:
        if not any(column in production.columns[name] for name in anchors):
            raise UsageError(
                f"--strata {column}: no anchor has that column; the anchors are {', '.join(anchors)}",
                hint="workbench sandbox create --help",
            )


def _identity(
    sources: Mapping[str, Source], digests: Mapping[str, str], recipe: Recipe, steps: Sequence[Step], key: mask.Key
) -> str:
    """Names the content: equal inputs, rules and key give an equal id. A key that does not last never gives the same."""
    material = {
        "format": registry.FORMAT,
        "recipe": [recipe.share, recipe.seed, recipe.where, recipe.strata, recipe.floor],
        "roles": [str(step) for step in steps],
        "sources": {
            name: source.model_dump(include={"key", "references", "sample", "mask"}) for name, source in sources.items()
        },
        "digests": digests,
        "key": key.derived("workbench|identity").hex() if key.lasting else secrets.token_hex(16),
    }
    return "s" + hashlib.sha256(json.dumps(material, sort_keys=True).encode()).hexdigest()[:11]


def _guard(
    production: Production, steps: Sequence[Step], all_links: Sequence[Link], recipe: Recipe, anchors: Anchors,
    show: Callable[[Estimate], None],
) -> None:  # fmt: skip
    rows = production.rows
    follow = {name: each.reached for name, each in chains(production, steps, all_links).items()}
    guess = Estimate(
        sum(rows.values()), sum(production.bytes.values()),
        estimate(steps, all_links, rows, recipe.share, anchors.core, follow),
        {name: (left, rows[name]) for name, left in anchors.left.items()},
    )  # fmt: skip
    show(guess)
    if guess.total > recipe.max_rows:
        fitting = recipe.share * 100 * recipe.max_rows / guess.total / 1.2
        raise GuardRefused(
            f"the sandbox would have about {guess.total:,} rows, above the cap of {recipe.max_rows:,}",
            hint=f"{recipe.again(fitting)}   (or --max-rows {guess.total * 2})",
        )


def _tables(sampling: Sampling, rules: mask.Rules) -> dict[str, TableInfo]:
    found = {}
    for step in sampling.steps:
        orphans = []
        for link in sampling.links:
            if link.child == step.source:
                dangling = sampling.dangling[link]
                left, natural = sampling.orphans(link), sampling.production_orphans(link)
                if left != natural:
                    raise WorkbenchError(
                        f"the sample broke {left - natural:,} references of {link}; nothing was kept", hint="workbench doctor"
                    )
                orphans.append(OrphanCount(link.columns, link.parent, dangling.orphans, natural, dangling.nulls))
        core = sampling.count(step.source, CORE)
        found[step.source] = TableInfo(
            sampling.production.rows[step.source], core, sampling.count(step.source) - core, step.role.value,
            str(step.via) if step.via else "", rules.of(step.source), tuple(orphans),
        )  # fmt: skip
    return {name: found[name] for name in sampling.sources}


def _notes(rules: mask.Rules, key: mask.Key) -> tuple[str, ...]:
    if key.lasting or not rules.tokens():
        return rules.notes
    return (*rules.notes, f"tokens differ in every sandbox; set {mask.KEY_VARIABLE} to keep them the same")
