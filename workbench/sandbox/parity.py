"""How representative a sandbox is: columns, joins and figures beside production's, and how much sampling explains."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from workbench.config import Workspace
from workbench.errors import UsageError
from workbench.runtime import files
from workbench.runtime.duck import identifier, literal
from workbench.sandbox import mask
from workbench.sandbox.compare import ColumnParity, Comparison, FanOut
from workbench.sandbox.figures import Figure, figures
from workbench.sandbox.graph import links
from workbench.sandbox.production import followable, reading
from workbench.sandbox.registry import SandboxInfo
from workbench.sandbox.scan import Anonymity, anonymity


@dataclass(frozen=True, slots=True)
class Parity:
    """The whole report."""

    sandbox: str
    threshold: float
    columns: tuple[ColumnParity, ...]
    fan_outs: tuple[FanOut, ...]
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()
    anonymity: tuple[Anonymity, ...] = ()

    @property
    def worst(self) -> ColumnParity | None:
        return max(self.columns, key=lambda each: each.excess, default=None)

    @property
    def ok(self) -> bool:
        return self.worst is None or self.worst.excess <= self.threshold


def judge(
    workspace: Workspace, info: SandboxInfo, threshold: float, group: str = "", tell: Callable[[str], None] = lambda _: None
) -> Parity:
    """Compare a sandbox with production as it is now. ``group`` names a column by which figures are told apart, too."""
    missing = sorted(set(info.tables) - set(workspace.settings.sources))
    if missing:
        gone = f"{', '.join(missing)} of sandbox {info.id} {'are no sources' if missing[1:] else 'is no source'} any more"
        raise UsageError(gone, hint="workbench sandbox create")
    with files.working_folder(workspace.sandboxes) as work, reading(workspace, work / "spill", tell, whole=True) as production:
        production.con.execute(f"ATTACH {literal(str(info.path))} AS box (READ_ONLY)")
        comparison = Comparison(production, info)
        for name in info.tables:
            rules = info.tables[name].masked
            now = {column: mask.type_of(rules.get(column, "keep"), kind) for column, kind in production.columns[name].items()}
            _same_columns(name, comparison.types(name), now)
        comparison.restrict(links(followable({name: workspace.settings.sources[name] for name in info.tables}, production)))
        columns: list[ColumnParity] = []
        found: list[Figure] = []
        for name in info.tables:
            tell(f"comparing {name}")
            columns += comparison.columns(name)
            found += figures(comparison, name, group)
        if group and not any(each.group for each in found):
            hidden = next((f"{name}.{group} is masked" for name, table in info.tables.items() if group in table.masked), "")
            hidden = "figures can't be told of a sandbox made with --floor" if info.floor else hidden
            raise UsageError(
                f"--by {group}: {hidden or 'no sampled source has that column'}", hint="workbench sandbox parity --help"
            )
        notes = comparison.notes()
        alike = tuple(
            anonymity(production.ask, name, f"box.{identifier(name)}", chosen)
            for name in info.tables
            if (chosen := workspace.settings.sources[name].quasi_identifiers)
        )
        parity = Parity(info.id, threshold, tuple(columns), tuple(comparison.fan_outs()), tuple(found), notes, alike)
        production.con.execute("DETACH box")
    return parity


def _same_columns(source: str, sandbox: Mapping[str, str], production: Mapping[str, str]) -> None:
    """Columns that are gone or have another type can't be compared; new ones are left out."""
    changed = [
        f"{column} was {_brief(kind)}, is {_brief(production[column])}" if column in production else f"{column} is gone"
        for column, kind in sandbox.items()
        if production.get(column) != kind
    ]
    if changed:
        raise UsageError(
            f"{source} has changed since this sandbox was made: {'; '.join(changed)}", hint="workbench sandbox reset"
        )


def _brief(kind: str) -> str:
    """A type without the values that an ENUM names.

    >>> _brief("ENUM('ada', 'bob')[]"), _brief("DECIMAL(9,2)")
    ('ENUM(…)[]', 'DECIMAL(9,2)')
    """
    return re.sub(r"ENUM\((?:'(?:[^']|'')*'|[^')])*\)", "ENUM(…)", kind)
