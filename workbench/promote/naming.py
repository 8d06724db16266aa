"""The names that a module uses: the notebook's own where they can stand, others only where two would collide."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from workbench.promote.program import BUILTINS, Key, Program, Statement
from workbench.promote.scope import bound_names


def plain(key: Key) -> str:
    """The name that a variable has in the notebook."""
    return key.rpartition(":")[2]


@dataclass(slots=True)
class Names:
    """Final names of variables, and of inputs by the name of their source or pipeline."""

    variables: dict[Key, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)


def choose(
    pipeline: str,
    kept: Sequence[Statement],
    *,
    inputs: Iterable[tuple[str, str]],
    parameters: Collection[str],
    aliases: Mapping[Key, str],
    at_module: Collection[Key],
    taken: Collection[str],
) -> Names:
    """Names for the variables that ``kept`` bind and for ``inputs`` (name and kind).

    Parameters keep their names. ``aliases`` are variables that only repeat an input or a parameter, so that its name can
    take their place. ``taken`` are names that can't be given away: builtins in use, and names of inner scopes at places
    where an input is put in.
    """
    names = Names()
    keys = list(dict.fromkeys(key for statement in kept for key in statement.stores()))
    public = {plain(key) for key in keys if key not in aliases}
    used = set(parameters) | set(taken)
    for name, kind in inputs:
        argument = (
            name if name not in used | public else _free(f"{name}_{'source' if kind == 'source' else 'output'}", used | public)
        )
        names.inputs[name] = argument
        used.add(argument)
    inner = _inner_names(kept)
    for key in sorted(keys, key=lambda key: ":" in key):
        name = plain(key)
        if key in aliases:
            same = aliases[key]
            names.variables[key] = names.inputs.get(same, same)
            continue
        if name == pipeline and key in at_module:
            # The pipeline's function has this name; a helper of it gets an underscore, as a person would write it.
            name = f"_{name}"
        final = name if name not in used else _free(name, used | inner | public)
        names.variables[key] = final
        used.add(final)
    return names


def _free(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"


def builtins_used(program: Program, kept: Sequence[Statement]) -> set[str]:
    """The names of Python's builtins that the statements use."""
    return {
        use.name for each in kept for use in each.uses if use.name in BUILTINS and each.key(use.name) not in program.definitions
    }


def _inner_names(kept: Sequence[Statement]) -> set[str]:
    """Names that functions, lambdas and comprehensions of the statements bind for themselves."""
    found: set[str] = set()
    for statement in kept:
        top = {use.name for use in statement.uses if use.context == "store"}
        found |= bound_names(ast.Module([statement.node], [])) - top
    return found
