"""What the notebook's text says of an output, read as a promotion reads it: its parameters, and what stands in the way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import NotebookError
from workbench.parameter import Parameter
from workbench.sandbox import widgets

if TYPE_CHECKING:
    from workbench.promote.refusal import Refusal
    from workbench.promote.slice import Slicing

_last: dict[tuple[Any, ...], Slicing] = {}


@dataclass(frozen=True, slots=True)
class Given:
    """A parameter, and what its widget shows now."""

    parameter: Parameter
    value: Any


@dataclass(frozen=True, slots=True)
class Told:
    """The parameters of one output, and the reasons why its slice is refused."""

    parameters: tuple[Given, ...] = ()
    refusals: tuple[Refusal, ...] = ()


def told(output: str, namespace: Mapping[str, Any], sources: Callable[[], Collection[str]]) -> Told:
    """What the saved notebook says of an output; nothing outside of a notebook, or where it does not have that output yet.

    ``sources`` gives the names of the declared sources, and ``namespace`` are the notebook's variables.
    """
    file = namespace.get("__file__")
    if not isinstance(file, str) or not Path(file).is_file():
        return Told()
    try:
        slices = _slicing(Path(file), sources).slices
    except NotebookError:  # a helper module, or a notebook whose marks are not saved yet
        return Told()
    cut = next((each for each in slices if each.mark.name == output), None)
    if cut is None:
        return Told()
    return Told(tuple(Given(each, shown(each, namespace)) for each in cut.parameters), cut.refusals)


def shown(parameter: Parameter, namespace: Mapping[str, Any]) -> Any:
    """What the notebook's widget for a parameter shows now; the default where there is none."""
    try:
        return widgets.current_value(parameter.name)
    except KeyError:
        return getattr(namespace.get(parameter.name), "value", parameter.default)


def _slicing(file: Path, sources: Callable[[], Collection[str]]) -> Slicing:
    """The slices of a notebook; read again when it was saved."""
    from workbench.promote.notebook import read_notebook
    from workbench.promote.slice import slice_notebook

    state = file.stat()
    key = (file, state.st_mtime_ns, state.st_size)
    if key not in _last:
        found = slice_notebook(read_notebook(file), sources())
        _last.clear()
        _last[key] = found
    return _last[key]
