"""The ``workbench`` command, also as ``python -m workbench``."""

from __future__ import annotations

import sys


def run() -> None:
    """Entry point of the installed command. What it needs is imported here, so that Ctrl-C is answered meanwhile, too."""
    try:
        from workbench.cli.main import run as begin
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted; nothing was begun\n")
        sys.exit(130)
    begin()


if __name__ == "__main__":
    run()
