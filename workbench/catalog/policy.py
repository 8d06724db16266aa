"""Policies: rules of the workspace that every promotion is held against, in TOML files that the settings name."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.catalog.contract import Contract
from workbench.config import Workspace
from workbench.errors import ConfigError

Needed = Literal["doc", "key", "checks", "owner", "column docs"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Rule(_Strict):
    """One ``[[rule]]``: what the outputs that match ``pipelines`` must have, and what they may not have or read."""

    name: str = Field(min_length=1)
    pipelines: str = "*"
    require: list[Needed] = []
    forbid_sources: list[str] = []
    forbid_columns: list[str] = []
    allow_personal: bool = True
    max_rows: int | None = Field(default=None, ge=0)
    severity: Literal["refuse", "warn"] = "refuse"

    def broken(self, contract: Contract, *, rows: int, owner: str) -> tuple[str, ...]:
        """How an output breaks this rule, a sentence each; none when it keeps it or is none of its pipelines.

        >>> rule = Rule(name="documented", require=["doc", "key"], forbid_columns=["*mail*"])
        >>> from workbench.catalog.contract import Column
        >>> rule.broken(Contract("p", 1, (Column("e_mail", "string"),), key=("e_mail",)), rows=1, owner="ann")
        ('it has no doc', "column e_mail is forbidden ('*mail*')")
        """
        if not fnmatchcase(contract.pipeline, self.pipelines):
            return ()
        has = {
            "doc": bool(contract.doc),
            "key": bool(contract.key),
            "checks": bool(contract.checks),
            "owner": bool(owner),
            "column docs": all(column.doc for column in contract.columns),
        }
        said = [f"it has no {what}" for what in self.require if not has[what]]
        said += [
            f"it reads {each.name}, which is forbidden ({pattern!r})"
            for each in contract.inputs
            for pattern in self.forbid_sources
            if fnmatchcase(each.name, pattern)
        ]
        said += [
            f"column {column.name} is forbidden ({pattern!r})"
            for column in contract.columns
            for pattern in self.forbid_columns
            if fnmatchcase(column.name.casefold(), pattern.casefold())
        ]
        if not self.allow_personal:
            said += [f"column {each.name} is {each.classification}" for each in contract.columns if each.classification]
        if self.max_rows is not None and rows > self.max_rows:
            said.append(f"it has {rows:,} rows, {self.max_rows:,} are allowed")
        return tuple(said)


class _File(_Strict):
    rule: list[Rule] = []


def load_policies(workspace: Workspace) -> tuple[Rule, ...]:
    """Every rule of the files that ``tool.workbench.policies`` names; ``ConfigError`` names the file that can't be used."""
    rules: list[Rule] = []
    for pattern in workspace.settings.policies:
        files = sorted(workspace.root.glob(pattern))
        if not files:
            raise ConfigError(
                f"tool.workbench.policies: there is no file {pattern}", hint="write it, or take it out of pyproject.toml"
            )
        for file in files:
            shown = file.relative_to(workspace.root)
            hint = f"correct {shown}, then type the same command again"
            try:
                rules += _File.model_validate(tomllib.loads(file.read_text(encoding="utf-8"))).rule
            except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
                raise ConfigError(f"{shown} can't be read: {error}", hint=hint) from None
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(str(part) for part in first["loc"])
                raise ConfigError(f"{shown}: {where}: {first['msg']}", hint=hint) from None
    return tuple(rules)
