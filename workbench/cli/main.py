"""The ``workbench`` command: finds the verb, runs it, and is the one place that chooses the exit code."""

from __future__ import annotations

import gc
import importlib
import io
import json
import os
import signal
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import click

from workbench.cli.common import speaks_unicode
from workbench.errors import UsageError, WorkbenchError, infrastructure
from workbench.model import SCHEMA_VERSION

# verb -> (module below workbench.cli, line of help). A module is imported when its verb is typed, so that help stays fast.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("workspace", "Make a workspace: pyproject.toml, notebooks/, promoted/ and the rest."),
    "demo": ("demo", "Tell the whole story on real data, printing each command."),
    "sources": ("sources", "Propose what to declare about production's tables."),
    "sandbox": ("sandbox", "Make, list, reset and remove sampled and masked sandboxes."),
    "scan": ("scan", "Look for personal values that stand in clear, and for rows that few others are like."),
    "edit": ("edit", "Open a notebook in marimo on the sandbox."),
    "check": ("check", "Show what each marked output of a notebook needs, or why it can't be cut."),
    "sweep": ("sweep", "Compute an output in the sandbox at several parameter values, and compare."),
    "ci": ("ci", "Review what a branch changed: all that needs no person, for pull requests."),
    "promote": ("promote", "Cut the marked cells of a notebook into versions, prove them, diff them, judge them."),
    "diff": ("diff", "Say what differs between two tables, versions or promotions."),
    "show": ("promotions", "Show a promotion: versions, gates, differences."),
    "gates": ("promotions", "Show the gates of a promotion and their evidence."),
    "approve": ("promotions", "Approve a promotion that waits for a person."),
    "reject": ("promotions", "Reject a promotion."),
    "waive": ("promotions", "Let a failing gate of a refused promotion pass, with a reason."),
    "publish": ("publish", "Move readers to an approved promotion or an earlier version."),
    "rollback": ("publish", "Move readers of a pipeline back to the version before."),
    "canary": ("canary", "Candidates that chosen readers see beside what is live: status, check, promote, abort."),
    "shadow": ("shadow", "Run candidates beside production, seen by nobody, and compare: start, status, stop."),
    "deprecate": ("deprecate", "Tell readers of a version to leave it, until a day."),
    "demote": ("demote", "Take a pipeline out of production, or back: readers, schedule, ledger in one step."),
    "run": ("run", "Run the live version of a pipeline, for all data or one interval."),
    "runs": ("run", "List and show runs."),
    "reproduce": ("reproduce", "Run a run again on what it read, and say whether the result is the same."),
    "backfill": ("backfill", "Compute a range of a pipeline again, by a plan: plan, apply, pause, resume, cancel."),
    "quarantine": ("quarantine", "Rows that broke a check and were held back: list, show, release, discard."),
    "gc": ("gc", "Remove data of production that nobody needs any more."),
    "scheduler": ("scheduler", "Run pipelines when they are due."),
    "schedule": ("schedule", "Say what is due when."),
    "export": ("export", "Write what runs the pipelines with Airflow, cron, GitHub Actions or Kubernetes."),
    "catalog": ("catalog", "Look up tables and columns: meaning, owner, freshness, readers."),
    "history": ("history", "What happened to a pipeline: promoted, decided, published, rolled back, run."),
    "changelog": ("changelog", "What each version of a pipeline changed: who, when, why."),
    "explain": ("explain", "Say where a row's values came from: version, run, inputs, approval, restatements."),
    "docs": ("docs", "Write the catalog as a web site of plain files."),
    "lineage": ("lineage", "What a column rests on: values, filters, join keys, grouping, ordering."),
    "impact": ("lineage", "What rests on a source or a column."),
    "contract": ("contract", "Hold data against the contracts of the versions that are live."),
    "schema": ("schema", "Say what a version means to those who read another one."),
    "audit": ("audit", "Show, verify and export the ledger of everything that changed production."),
    "status": ("status", "One line a pipeline: version, freshness, last run, next due, whether readers see good data."),
    "doctor": ("doctor", "Check the workspace, finish or undo what was interrupted."),
}

# What no command should end with; the number is that of sysexits.h. Python's own 1 would say that the answer is no.
DEFECT = 70


class _Verbs(click.Group):
    """The verbs of the command line, each imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"workbench.cli.{COMMANDS[cmd_name][0]}")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            from workbench.errors import UnknownName

            raise UnknownName.of("command", args[0], COMMANDS, hint="workbench --help") from None


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(None, "--version", package_name="ibis-workbench", message="workbench %(version)s")
def workbench() -> None:
    """Explore in notebooks; promote to proven, versioned pipelines.

    \b
    Start here:
      workbench init my-project       a workspace
      workbench sandbox create        a sampled, masked copy of its sources
      workbench edit NOTEBOOK         marimo on the sandbox
      workbench promote NOTEBOOK --why "first version"

    \b
    Exit codes: 0 ok, 1 the answer is no, 2 usage or configuration, 3 waiting for a person,
    4 a guard refused, 5 infrastructure or lock (try again).
    """


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    if arguments is None:
        # Imports make many objects that stay: a collector that looks as often as usual takes a tenth of a short command's time.
        gc.set_threshold(50_000, 20, 20)
        arguments = sys.argv[1:]
    as_json, stdout = _wants_json(arguments), sys.stdout
    try:
        result = workbench.main(arguments, prog_name="workbench", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except (KeyboardInterrupt, click.exceptions.Abort):
        return _interrupted(as_json)
    except WorkbenchError as error:
        return _report(error, as_json, error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.ClickException as error:
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else _typed(arguments)
        return _report(UsageError(error.format_message(), hint=f"{where} --help"), as_json, 2)
    except (BrokenPipeError, SystemExit) as error:
        # The reader of our output left (`workbench ... | head`); click answers that with another stdout and an exit.
        if isinstance(error, SystemExit) and sys.stdout is stdout:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if _holds_interrupt(error):
            return _interrupted(as_json)
        known = infrastructure(error)
        if known is None:
            raise
        return _report(known, as_json, known.exit_code)


def _wants_json(arguments: Sequence[str]) -> bool:
    """Whether an error is to be a JSON document, too.

    >>> _wants_json(["diff", "a", "b", "--format", "json"]), _wants_json(["show", "--json"]), _wants_json(["check", "json"])
    (True, True, False)
    """
    return "--json" in arguments or "--format=json" in arguments or ("--format", "json") in pairwise(arguments)


def _typed(arguments: Sequence[str]) -> str:
    """The command that was typed, as far as it is one: click does not say where an option lacks its value."""
    words, command = ["workbench"], cast("click.Command | None", workbench)
    for word in arguments:
        command = command.get_command(click.Context(command), word) if isinstance(command, click.Group) else None
        if command is None:
            break
        words.append(word)
    return " ".join(words)


def _interrupted(as_json: bool) -> int:
    said = "interrupted; what was finished is kept, nothing is half-written"
    return _report(WorkbenchError(said, hint="workbench doctor"), as_json, 130)


def _holds_interrupt(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error: a compiled module that is being imported turns it into an ImportError."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _report(error: WorkbenchError, as_json: bool, code: int) -> int:
    if as_json:
        payload: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "error": {"exit_code": code, "message": error.message, "hint": error.hint},
        }
        click.echo(json.dumps(payload, indent=2, ensure_ascii=not speaks_unicode()))
    prefix = click.style("error:", fg="red", bold=True) if "NO_COLOR" not in os.environ else "error:"
    click.echo(f"{prefix} {error.message}", err=True)
    if error.hint:
        click.echo(f" next: {error.hint}", err=True)
    return code


def run() -> None:
    """Entry point of the installed command."""
    if hasattr(signal, "SIGTERM"):
        # A polite kill unwinds like Ctrl-C, so that temporary files go and locks are released.
        signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    for stream in (sys.stdout, sys.stderr):
        # A terminal that can't show a letter gets its number; names and values of data may hold any.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = main()
    except Exception as error:
        import traceback

        traceback.print_exc()
        found = WorkbenchError(
            f"a defect of workbench: {type(error).__name__}: {error}", hint="workbench doctor, and report the above"
        )
        code = _report(found, _wants_json(sys.argv), DEFECT)
    sys.exit(code)
