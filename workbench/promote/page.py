"""Pages of the documentation that commands print. An installed package has them beside this module."""

from __future__ import annotations

import re
from pathlib import Path


def page(name: str) -> str:
    """A page as Markdown; what leads to other pages is left as plain words.

    >>> page("refusals/star-import.md").splitlines()[0]
    '# star-import'
    """
    installed = Path(__file__).parent
    folder = installed if (installed / "refusals").is_dir() else installed.parents[1] / "docs"
    return re.sub(r"\[([^\]]+)\]\([^)]+\.md[^)]*\)", r"\1", (folder / name).read_text(encoding="utf-8"))
