"""What all cards share: their style sheet, their templates, and how a value reads in a few characters."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.catalog import showing

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATES = Path(__file__).parent / "templates"
LONGEST = 40


@functools.cache
def template(name: str) -> Template:
    """A card's template: every value is escaped, and a missing one is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    return environment.get_template(name)


@functools.cache
def style() -> Any:
    """The style sheet of all cards, as text that is not escaped."""
    from markupsafe import Markup

    return Markup((TEMPLATES / "card.css").read_text(encoding="utf-8"))  # noqa: S704  # our own file, no value in it


def text(value: Any) -> str:
    """A value in the few characters that a card has for it."""
    return showing.text(value, LONGEST)


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def percent(share: float) -> str:
    """A share in percent; what is not nothing never reads as 0%, and what is not all never as 100%."""
    if 0 < share < 0.001:
        return "<0.1%"
    if 0.999 < share < 1:
        return ">99.9%"
    return f"{share:.1%}"


def width(share: float) -> str:
    return f"{100 * share:.2f}"
