"""Rules of the workspace, in files of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from workbench.catalog.contract import Column, Contract
from workbench.catalog.policy import Rule, load_policies
from workbench.config import Settings, Workspace
from workbench.errors import ConfigError
from workbench.model import Input

CONTRACT = Contract("sales", 1, (Column("Email", "string"),), inputs=(Input("hr", "hr_people", "source"),))


def workspace(root: Path, text: str | None) -> Workspace:
    if text is not None:
        (root / "rules.toml").write_text(text)
    return Workspace(root, Settings(policies=["rules.toml"]))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"require": ["doc"]}, "it has no doc"),
        ({"require": ["key"]}, "it has no key"),
        ({"require": ["checks"]}, "it has no checks"),
        ({"require": ["owner"]}, "it has no owner"),
        ({"require": ["column docs"]}, "it has no column docs"),
        ({"forbid_sources": ["hr_*"]}, "it reads hr_people, which is forbidden ('hr_*')"),
        ({"forbid_columns": ["*mail*"]}, "column Email is forbidden ('*mail*')"),
        ({"max_rows": 9}, "it has 10 rows, 9 are allowed"),
    ],
)
def test_each_rule_says_how_it_is_broken(given: dict[str, Any], said: str):
    assert Rule(name="r", **given).broken(CONTRACT, rows=10, owner="") == (said,)
    assert Rule(name="r", pipelines="other*", **given).broken(CONTRACT, rows=10, owner="") == ()


def test_files_are_read_in_order(tmp_path: Path):
    found = load_policies(workspace(tmp_path, '[[rule]]\nname = "a"\n[[rule]]\nname = "b"\nseverity = "warn"\n'))
    assert [(rule.name, rule.severity) for rule in found] == [("a", "refuse"), ("b", "warn")]


@pytest.mark.parametrize("text", ["[[rule]", "[[rule]]\nnam = 'x'", "[[rule]]\nname = 'x'\nmax_rows = -1", "rule = 3", None])
def test_a_policy_file_that_can_not_be_used_is_named(tmp_path: Path, text: str | None):
    with pytest.raises(ConfigError, match=r"rules\.toml") as caught:
        load_policies(workspace(tmp_path, text))
    assert caught.value.hint


def test_a_promotion_is_refused_by_a_rule_and_by_a_file_that_does_not_parse(sandboxed: Any):
    project = sandboxed.root / "pyproject.toml"
    project.write_text(project.read_text().replace("[tool.workbench]", '[tool.workbench]\npolicies = ["rules.toml"]', 1))
    rules = sandboxed.root / "rules.toml"
    rules.write_text("[[rule]")
    broken = sandboxed.promote("--dry-run")
    assert (broken.code, "rules.toml can't be read" in broken.err) == (2, True)
    rules.write_text('[[rule]]\nname = "no money"\nforbid_columns = ["revenue"]\n')
    refused = sandboxed.promote("--dry-run")
    assert refused.code == 1
    assert "no money: column revenue is forbidden" in refused.out
