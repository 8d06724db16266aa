"""Equality: the proof that a module computes what its notebook computes.

Both run in the sandbox, in a process of their own that has no production credentials, on the same tables and at the same
parameter values. Outputs are compared as expressions where that decides it, else by their data.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from workbench.errors import UsageError
from workbench.parameter import Parameter, encode
from workbench.promote import repeat
from workbench.promote.module import Module, with_values
from workbench.promote.notebook import Notebook
from workbench.promote.sandboxed import run_job, stage
from workbench.promote.slice import Slice

MOST_RUNS = 25
LIMITED = (
    "it keeps some rows by a limit: unless an order_by tells all rows apart, which rows these are is not decided, "
    "and differs from run to run"
)
_LIMITED = re.compile(r"\.(limit|head)\(|\blimit\s+\d", re.IGNORECASE)
Outcome = Literal["equal", "different", "not proved"]


@dataclass(frozen=True, slots=True)
class EqualityCheck:
    """One output at one setting of the parameters.

    ``how`` is "structure" (one expression), "data" (compared row by row) or "error" (both raise the same error);
    ``difference`` is the first row that differs, or the error of the side that failed.
    """

    parameters: dict[str, Any]
    verdict: Outcome
    how: str
    rows: int | None = None
    difference: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self), default=str))
        return plain


@dataclass(frozen=True, slots=True)
class Equality:
    """What all checks of one output say together."""

    pipeline: str
    verdict: Outcome
    checked: tuple[EqualityCheck, ...]
    why: str = ""


def settings(parameters: Sequence[Parameter], most: int = MOST_RUNS) -> list[dict[str, Any]]:
    """The settings to prove equality at: the defaults first, then ends, middle and every choice.

    All combinations where they are few, else such that every pair of values meets, and never more than ``most``.

    >>> settings([Parameter("n", "int", 15, ge=0, le=240)])
    [{'n': 15}, {'n': 0}, {'n': 120}, {'n': 240}]
    """
    defaults = {parameter.name: parameter.default for parameter in parameters}
    names, values = list(defaults), [_values(parameter) for parameter in parameters]
    total = 1
    for each in values:
        total *= len(each)
    if total <= most:
        combinations = list(itertools.product(*values))
    else:
        from allpairspy import AllPairs

        combinations = (
            list(itertools.islice((tuple(row) for row in AllPairs(values)), most))
            if len(values) > 1
            else [(v,) for v in values[0]]
        )
    found = [defaults]
    for combination in combinations:
        setting = dict(zip(names, combination, strict=True))
        if setting not in found:
            found.append(setting)
    return found[:most]


def _values(parameter: Parameter) -> list[Any]:
    """The default and the values most likely to behave otherwise."""
    default, low, high = parameter.default, parameter.ge, parameter.le
    found: list[Any] = [default]
    if parameter.item is not None:
        found += [[], list(parameter.choices or default)]
    elif parameter.choices is not None:
        found += parameter.choices
    elif parameter.type == "bool":
        found += [not default]
    elif parameter.type == "str":
        found += ["", default + "x"]
    elif parameter.type in ("date", "datetime"):
        day = dt.timedelta(days=1)
        found += [low if isinstance(low, dt.date) else default - day, high if isinstance(high, dt.date) else default + day]
    elif parameter.type == "time":
        found += [low or dt.time.min, high or dt.time.max]
    elif isinstance(low, (int, float)) and isinstance(high, (int, float)):
        middle = (low + high) / 2
        found += [low, int(middle) if parameter.type == "int" else middle, high]
    else:
        found += [default + 1 if low is None else low, default - 1 if high is None else high]
    unique: list[Any] = []
    for value in found:
        try:
            checked = parameter.check(value)
        except UsageError:  # a bound plus or minus one may lie outside; then there is nothing to try there
            continue
        if checked not in unique:
            unique.append(checked)
    return unique


def prove(
    notebook: Notebook,
    slices: Sequence[Slice],
    modules: Sequence[Module],
    *,
    root: Path,
    sandbox: Path,
    timeout: float = 600.0,
    meanwhile: Callable[[], None] = lambda: None,
) -> dict[str, Equality]:
    """The proof for each output of a notebook, by pipeline.

    Runs the notebook once a setting and every module against it. ``timeout`` is in seconds of wall-clock time, for all;
    ``meanwhile`` is called in this process while the other one works.
    """
    parameters = {parameter.name: parameter for each in slices for parameter in each.parameters}
    tried = settings(list(parameters.values()))
    with TemporaryDirectory(prefix="workbench-equality-") as name:
        folder = Path(name)
        job = {
            "modules": [stage(folder, each, module) for each, module in zip(slices, modules, strict=True)],
            "runs": [_run(folder, index, notebook, setting, parameters) for index, setting in enumerate(tried)],
        }
        worker = "workbench.promote.equality_run"
        result, log = run_job(
            worker, job, folder, root=root, notebook=notebook.path, sandbox=sandbox, timeout=timeout, meanwhile=meanwhile
        )
        restless = (
            repeat.differing(slices, modules, folder, root=root, notebook=notebook.path, sandbox=sandbox, timeout=timeout)
            if result is not None
            else frozenset()
        )
    if result is None:
        why = f"the sandbox process ended: {log}"
        return {each.mark.name: Equality(each.mark.name, "not proved", (), why) for each in slices}
    texts = {module.pipeline: module.text for module in modules}
    proofs = {each.mark.name: _judge(each.mark.name, result[each.mark.name], texts[each.mark.name]) for each in slices}
    return {
        name: replace(proof, verdict="different", why=repeat.WHY) if name in restless and proof.verdict == "equal" else proof
        for name, proof in proofs.items()
    }


def _run(
    folder: Path, index: int, notebook: Notebook, setting: dict[str, Any], parameters: dict[str, Parameter]
) -> dict[str, Any]:
    file = folder / f"notebook_{index}.py"
    file.write_text(with_values(notebook, setting), encoding="utf-8")
    types = {name: parameter.type for name, parameter in parameters.items()}
    return {"notebook": str(file), "parameters": encode(setting), "types": types}


def _judge(pipeline: str, checks: list[dict[str, Any]], text: str) -> Equality:
    checked = tuple(EqualityCheck(**check) for check in checks)
    for verdict in ("different", "not proved"):
        for check in checked:
            if check.verdict == verdict:
                at = ", ".join(f"{name}={value!r}" for name, value in check.parameters.items()) or "the defaults"
                undecided = check.how == "data" and verdict == "different" and _LIMITED.search(text)
                ties = f"; {LIMITED}" if undecided else ""
                return Equality(pipeline, verdict, checked, f"at {at}: {_say(check.difference)}{ties}")
    if not checked or checked[0].how == "error":
        return Equality(
            pipeline,
            "not proved",
            checked,
            f"the notebook fails at its defaults: {_say(checked[0].difference if checked else None)}",
        )
    return Equality(pipeline, "equal", checked)


def _say(difference: dict[str, Any] | None) -> str:
    if not difference:
        return "no detail"
    return "; ".join(f"{name}: {value}" for name, value in difference.items())
