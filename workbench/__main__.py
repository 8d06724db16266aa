"""``python -m workbench`` is the ``workbench`` command."""

from workbench.cli.main import run

if __name__ == "__main__":
    run()
