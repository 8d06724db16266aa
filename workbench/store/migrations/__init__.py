"""Alembic migrations of the store. ``upgrade`` brings a connection's database to the newest revision."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection


def config() -> Config:
    """Where Alembic finds the migrations, also from an installed package."""
    from alembic.config import Config

    found = Config()
    found.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    found.set_main_option("path_separator", "os")
    return found


def upgrade(connection: Connection) -> None:
    """Create or migrate the tables inside the transaction that ``connection`` has begun."""
    from alembic import command

    here = config()
    here.attributes["connection"] = connection
    command.upgrade(here, "head")


def known_revisions() -> frozenset[str]:
    """All revisions that this program can migrate from."""
    from alembic.script import ScriptDirectory

    return frozenset(script.revision for script in ScriptDirectory.from_config(config()).walk_revisions())
